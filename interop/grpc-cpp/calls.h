// What every check of this client needs: a channel, a call with a deadline, and what came of it.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <grpcpp/grpcpp.h>

#include "workloadapi.grpc.pb.h"

using Stub = SpiffeWorkloadAPI::Stub;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;

inline constexpr char kAudience[] = "spiffe://interop.example/orders";
inline constexpr std::chrono::seconds kCall{15};
inline constexpr std::chrono::seconds kWatch{30};

// Without an authority, the client uses what it makes of the socket's path.
inline std::unique_ptr<Stub> Connect(const std::string& target, const char* authority = nullptr) {
  grpc::ChannelArguments arguments;
  if (authority != nullptr) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, authority);
  // Otherwise channels to one address share a connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return SpiffeWorkloadAPI::NewStub(grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
}

inline std::unique_ptr<ClientContext> Call(std::chrono::seconds patience, bool header = true) {
  auto context = std::make_unique<ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + patience);
  if (header) context->AddMetadata("workload.spiffe.io", "true");
  return context;
}

inline void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

inline void ExpectOk(const Status& status) {
  Expect(status.ok(), "status " + std::to_string(status.error_code()) + ": " + status.error_message());
}

inline std::string Refused(StatusCode code, const Status& status) {
  Expect(!status.ok(), "was accepted");
  ExpectOk(status.error_code() == code ? Status::OK : status);
  return "status " + std::to_string(code) + ": " + status.error_message();
}

// Reads the first message of a stream and ends it.
template <typename Request, typename Response, typename Method>
Status First(Stub& stub, Method method, const Request& request, Response* response, bool header = true) {
  auto context = Call(kCall, header);
  auto reader = (stub.*method)(context.get(), request);
  if (!reader->Read(response)) return reader->Finish();
  context->TryCancel();
  Response rest;
  while (reader->Read(&rest)) {
  }
  Expect(reader->Finish().error_code() == StatusCode::CANCELLED, "a cancelled stream ended with another status");
  return Status::OK;
}
