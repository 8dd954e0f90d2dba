import { request as httpsRequest } from 'node:https'
import { asServerError } from './admin-server-error.ts'
import { AdminSocketError } from './admin-socket-error.ts'
import { connectServer, type RemoteServer } from './connect-server.ts'
import { type Answer, converse, type HttpCall } from './exchange.ts'

/**
 * One HTTP request to a server over the network, on a connection of its own; the answer is read whole.
 *
 * @param token shown as a bearer token, once the server is known to be the one that is meant
 * @throws AdminServerError `ERR_ADMIN_SERVER_*`
 */
export async function exchangeRemotely(
  server: RemoteServer,
  call: HttpCall,
  { token, now }: { readonly token?: string | undefined; readonly now: number },
): Promise<Answer> {
  const socket = await connectServer(server, now, call.timeoutSeconds)
  const { method, path } = call
  const asError = (cause: NodeJS.ErrnoException) =>
    new AdminSocketError('ERR_ADMIN_SOCKET_FAILED', 'connection failed', { detail: cause.code ?? cause.name, cause })
  try {
    return await converse(
      (headers) =>
        httpsRequest(new URL(path, server.url), {
          method,
          createConnection: () => socket,
          headers: {
            ...headers,
            connection: 'close',
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          },
        }),
      call,
      asError,
    )
  } catch (error) {
    throw error instanceof AdminSocketError ? asServerError(server.url, error) : error
  } finally {
    socket.destroy()
  }
}
