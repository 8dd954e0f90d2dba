import { type EndpointAddress, type EndpointKind, parseEndpointAddress } from '../address.ts'

/** The variable that every SPIFFE broker reads when it is not told an address. */
export const BROKER_ENDPOINT_VARIABLE = 'SPIFFE_BROKER_SOCKET'

/** The endpoint proves who it is, so that a name may lead to it. */
const BROKER_ENDPOINT: EndpointKind = { name: 'broker API', variable: BROKER_ENDPOINT_VARIABLE, allowsDnsNames: true }

/**
 * Parses the address of a broker endpoint: `unix:///absolute/path` or `tcp://<IP address or DNS name>:<port>`.
 *
 * @throws EndpointError as `parseEndpointAddress`
 * @see SPIFFE Broker Endpoint section 4
 */
export function parseBrokerAddress(text: string | undefined): EndpointAddress {
  return parseEndpointAddress(text, BROKER_ENDPOINT)
}
