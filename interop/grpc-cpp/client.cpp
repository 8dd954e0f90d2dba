// A client of the Workload API that knows nothing of SPIFFE: gRPC's own C core, with code made from the .proto.
// Prints one JSON line per check and exits 1 when one failed.
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "calls.h"

namespace {

struct Check {
  std::string name;
  std::function<std::string()> run;
};

std::string X509Svid(Stub& stub, const std::string& id) {
  X509SVIDResponse response;
  ExpectOk(First(stub, &Stub::FetchX509SVID, X509SVIDRequest(), &response));
  Expect(response.svids_size() == 2, "not two SVIDs");
  const X509SVID& svid = response.svids(0);
  Expect(svid.spiffe_id() == id, "SPIFFE ID: got " + svid.spiffe_id());
  Expect(!svid.x509_svid().empty() && !svid.x509_svid_key().empty() && !svid.bundle().empty(), "a field is empty");
  Expect(response.svids(1).hint() == "second", "hint: got " + response.svids(1).hint());
  return svid.spiffe_id();
}

// Waits as an application does that starts together with its agent.
std::string Identities(Stub& stub) {
  const auto deadline = std::chrono::steady_clock::now() + kWatch;
  int attempts = 0;
  while (std::chrono::steady_clock::now() < deadline) {
    attempts += 1;
    auto context = Call(kWatch);
    auto reader = stub.FetchX509SVID(context.get(), X509SVIDRequest());
    X509SVIDResponse response;
    while (reader->Read(&response)) {
      if (response.svids_size() < 2) continue;
      context->TryCancel();
      return "two SVIDs, stream " + std::to_string(attempts);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  throw std::runtime_error("two SVIDs never came");
}

// Stays on one stream until its first SVID has changed.
std::string Rotation(Stub& stub) {
  auto context = Call(kWatch);
  auto reader = stub.FetchX509SVID(context.get(), X509SVIDRequest());
  std::set<std::string> seen;
  int messages = 0;
  X509SVIDResponse response;
  while (seen.size() < 2 && reader->Read(&response)) {
    messages += 1;
    seen.insert(response.svids(0).x509_svid());
  }
  context->TryCancel();
  Expect(seen.size() == 2, "no rotation in " + std::to_string(messages) + " messages");
  return std::to_string(messages) + " messages on one stream";
}

Status FetchJwt(Stub& stub, const std::string& audience, const std::string& id, JWTSVIDResponse* response) {
  JWTSVIDRequest request;
  if (!audience.empty()) request.add_audience(audience);
  request.set_spiffe_id(id);
  auto context = Call(kCall);
  return stub.FetchJWTSVID(context.get(), request, response);
}

Status ValidateJwt(Stub& stub, const std::string& token, const std::string& audience, ValidateJWTSVIDResponse* response) {
  ValidateJWTSVIDRequest request;
  request.set_svid(token);
  request.set_audience(audience);
  auto context = Call(kCall);
  return stub.ValidateJWTSVID(context.get(), request, response);
}

std::string Token(Stub& stub, const std::string& id) {
  JWTSVIDResponse response;
  ExpectOk(FetchJwt(stub, kAudience, id, &response));
  Expect(response.svids_size() == 1 && response.svids(0).spiffe_id() == id, "not one SVID of this identity");
  return response.svids(0).svid();
}

std::string Validated(Stub& stub, const std::string& id) {
  ValidateJWTSVIDResponse response;
  ExpectOk(ValidateJwt(stub, Token(stub, id), kAudience, &response));
  Expect(response.spiffe_id() == id, "SPIFFE ID: got " + response.spiffe_id());
  Expect(response.claims().fields().at("sub").string_value() == id, "claims have another subject");
  return response.spiffe_id();
}

template <typename Request, typename Response, typename Method>
std::string Bundles(Stub& stub, Method method, const std::string& own, const std::string& partner) {
  Response response;
  ExpectOk(First(stub, method, Request(), &response));
  Expect(response.bundles().count(own) == 1 && !response.bundles().at(own).empty(), "no bundle of " + own);
  Expect(response.bundles().count(partner) == 1 && !response.bundles().at(partner).empty(), "no bundle of " + partner);
  return std::to_string(response.bundles_size()) + " bundles";
}

std::string WitSvid(Stub& stub, const std::string& id) {
  WITSVIDRequest request;
  request.set_spiffe_id(id);
  WITSVIDResponse response;
  ExpectOk(First(stub, &Stub::FetchWITSVID, request, &response));
  Expect(response.svids_size() == 1 && response.svids(0).spiffe_id() == id, "not one SVID of this identity");
  Expect(!response.svids(0).wit_svid().empty() && !response.svids(0).wit_svid_key().empty(), "a field is empty");
  return response.svids(0).spiffe_id();
}

std::vector<Check> RegisteredChecks(const std::string& target, const std::string& path, const std::string& id) {
  const std::string own = id.substr(0, id.find('/', std::string("spiffe://").size()));
  const std::string partner = "spiffe://partner.example";
  const std::string other = own + "/not/this/program";
  std::shared_ptr<Stub> stub = Connect(target);
  std::vector<Check> checks = {
      {"streaming: both identities arrive", [=] { return Identities(*stub); }},
      {"streaming: X509-SVIDs, first entry first", [=] { return X509Svid(*stub, id); }},
      {"streaming: a rotated X509-SVID on the same stream", [=] { return Rotation(*stub); }},
      {"streaming: X.509 bundles",
       [=] { return Bundles<X509BundlesRequest, X509BundlesResponse>(*stub, &Stub::FetchX509Bundles, own, partner); }},
      {"streaming: JWT bundles",
       [=] { return Bundles<JWTBundlesRequest, JWTBundlesResponse>(*stub, &Stub::FetchJWTBundles, own, partner); }},
      {"streaming: WIT bundles",
       [=] { return Bundles<WITBundlesRequest, WITBundlesResponse>(*stub, &Stub::FetchWITBundles, own, partner); }},
      {"streaming: WIT-SVID", [=] { return WitSvid(*stub, id); }},
      {"unary: a fetched JWT-SVID is valid", [=] { return Validated(*stub, id); }},
      {"unary: a JWT-SVID is refused for another audience",
       [=] {
         ValidateJWTSVIDResponse response;
         return Refused(StatusCode::INVALID_ARGUMENT, ValidateJwt(*stub, Token(*stub, id), "other", &response));
       }},
      {"unary: a JWT-SVID without audience is refused",
       [=] {
         JWTSVIDResponse response;
         return Refused(StatusCode::INVALID_ARGUMENT, FetchJwt(*stub, "", id, &response));
       }},
      {"unary: identity of another program is denied",
       [=] {
         JWTSVIDResponse response;
         return Refused(StatusCode::PERMISSION_DENIED, FetchJwt(*stub, kAudience, other, &response));
       }},
      {"streaming: a call without the security header is refused",
       [=] {
         X509SVIDResponse response;
         return Refused(StatusCode::INVALID_ARGUMENT,
                        First(*stub, &Stub::FetchX509SVID, X509SVIDRequest(), &response, false));
       }},
  };
  std::string encoded;
  for (char each : path) encoded += each == '/' ? std::string("%2F") : std::string(1, each);
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"localhost", "localhost"},
           {"the socket's path, percent-encoded", encoded},
           {"the socket's path as it is", path},
           {"unix: and the socket's path", "unix:" + path},
           {"unix:// and the socket's path", "unix://" + path},
           {"a host with a port", "agent.example:8081"},
       }) {
    checks.push_back({"authority: " + name, [=, value = value] {
                        std::shared_ptr<Stub> named = Connect(target, value.c_str());
                        X509Svid(*named, id);
                        Validated(*named, id);
                        return value;
                      }});
  }
  return checks;
}

std::vector<Check> DeniedChecks(const std::string& target, const std::string& path, const std::string& id) {
  std::shared_ptr<Stub> stub = Connect(target);
  const auto streaming = [=](const std::string& what, const auto& method, const auto& request, auto response) {
    return Check{"unregistered program: denied " + what, [=] {
                   auto received = response;
                   return Refused(StatusCode::PERMISSION_DENIED, First(*stub, method, request, &received));
                 }};
  };
  return {
      streaming("X509-SVID", &Stub::FetchX509SVID, X509SVIDRequest(), X509SVIDResponse()),
      streaming("X.509 bundles", &Stub::FetchX509Bundles, X509BundlesRequest(), X509BundlesResponse()),
      streaming("JWT bundles", &Stub::FetchJWTBundles, JWTBundlesRequest(), JWTBundlesResponse()),
      streaming("WIT-SVID", &Stub::FetchWITSVID, WITSVIDRequest(), WITSVIDResponse()),
      {"unregistered program: denied JWT-SVID",
       [=] {
         JWTSVIDResponse response;
         return Refused(StatusCode::PERMISSION_DENIED, FetchJwt(*stub, kAudience, id, &response));
       }},
      {"unregistered program: denied, whatever its authority says",
       [=] {
         std::shared_ptr<Stub> named = Connect(target, path.c_str());
         X509SVIDResponse response;
         return Refused(StatusCode::PERMISSION_DENIED,
                        First(*named, &Stub::FetchX509SVID, X509SVIDRequest(), &response));
       }},
  };
}

void Print(const std::string& name, bool ok, const std::string& detail) {
  google::protobuf::Struct line;
  (*line.mutable_fields())["check"].set_string_value(name);
  (*line.mutable_fields())["ok"].set_bool_value(ok);
  (*line.mutable_fields())["detail"].set_string_value(detail);
  std::string json;
  if (google::protobuf::util::MessageToJsonString(line, &json).ok()) std::cout << json << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: client registered|unregistered <socket path> <SPIFFE ID>" << std::endl;
    return 2;
  }
  const std::string mode = argv[1], path = argv[2], id = argv[3];
  const std::string target = "unix:" + path;
  bool passed = true;
  for (const Check& check : mode == "registered" ? RegisteredChecks(target, path, id) : DeniedChecks(target, path, id)) {
    try {
      const std::string detail = check.run();
      Print(check.name, true, detail);
    } catch (const std::exception& error) {
      passed = false;
      Print(check.name, false, error.what());
    }
  }
  return passed ? 0 : 1;
}
