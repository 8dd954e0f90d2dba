import { API } from '../gen/spiffe/broker/brokerapi_pb.ts'
import { defineGrpcMethods } from '../grpc-service.ts'

/** `/spiffe.broker.API/<Method>`. @see SPIFFE Broker API */
export const brokerApiMethods = defineGrpcMethods(API)

/** Every Broker API call carries this metadata, so that a request forged through a client of others cannot be one. */
export const BROKER_SECURITY_HEADER = 'broker.spiffe.io'
export const BROKER_SECURITY_HEADER_VALUE = 'true'
