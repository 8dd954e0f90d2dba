import { readWebBody } from '../presentation/read-web-body.ts'
import { notSigned, type ResponseSigner } from '../presentation/response-signer.ts'
import { SdkError } from '../sdk-error.ts'
import { answerTo, PROBLEM_MEDIA_TYPE } from '../verification/problem.ts'

/**
 * A response that is signed; or, when it is streamed or too large for that, a 501 in its place: success must not go out
 * unsigned.
 *
 * @see draft-ietf-wimse-http-signature, "Signing the Response"
 */
export async function signWebResponse(response: Response, signer: ResponseSigner, method: string): Promise<Response> {
  try {
    if (/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '')) {
      await response.body?.cancel()
      throw notSigned('a streamed response cannot be signed')
    }
    const read = await readWebBody(response.body, signer.maxBodyBytes)
    if (read === undefined) throw notSigned('the response is too large to be signed')
    // A HEAD response has the fields of a GET and no content.
    const body = method === 'HEAD' ? new Uint8Array(0) : read
    const { status, statusText } = response
    const rawHeaders = await signer.sign({ status, rawHeaders: [...response.headers].flat(), body })
    return new Response(body.length === 0 ? null : new Uint8Array(body), {
      status,
      statusText,
      headers: pairs(rawHeaders),
    })
  } catch (error) {
    const problem = answerTo(error instanceof SdkError ? error : notSigned('the response could not be signed', error))
    const body = new TextEncoder().encode(JSON.stringify(problem))
    const plain = ['content-type', PROBLEM_MEDIA_TYPE, 'cache-control', 'no-store']
    const rawHeaders = await signer.sign({ status: problem.status, rawHeaders: plain, body }).catch(() => plain)
    return new Response(body, { status: problem.status, headers: pairs(rawHeaders) })
  }
}

/** A raw header list as the constructor of `Headers` takes it. */
export function pairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, at): [string, string][] =>
    at % 2 === 0 ? [[name, rawHeaders[at + 1] as string]] : [],
  )
}
