import { CloudError } from '../cloud-error.ts'
import type { HttpsAnswer } from '../https-call.ts'

export interface TemporaryCredentials {
  readonly accessKeyId: string
  /** Secret. */
  readonly secretAccessKey: string
  /** Secret. */
  readonly sessionToken: string
  /** ISO 8601. */
  readonly expiration: string
}

/** What stands between the tags: base64 and names, never markup, so nothing of XML is needed to read it. */
const VALUE = /^[A-Za-z0-9+/=_.-]+$/
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]00:00)$/
const CODE = /^[A-Za-z.]{1,64}$/

/**
 * Reads what STS answers to AssumeRoleWithWebIdentity.
 *
 * @throws CloudError `ERR_CLOUD_REFUSED` with what STS says, `ERR_CLOUD_ANSWER` for what is no answer of STS
 */
export function readStsAnswer({ status, body }: HttpsAnswer): TemporaryCredentials {
  if (status !== 200) throw refusal(status, body)
  const text = onlyElement(body, 'Credentials')
  return {
    accessKeyId: value(text, 'AccessKeyId', VALUE),
    secretAccessKey: value(text, 'SecretAccessKey', VALUE),
    sessionToken: value(text, 'SessionToken', VALUE),
    expiration: value(text, 'Expiration', TIME),
  }
}

function refusal(status: number, body: string): CloudError {
  const code = elements(body, 'Code')[0]?.trim() ?? ''
  if (!CODE.test(code)) return new CloudError('ERR_CLOUD_ANSWER', `STS answers with status ${status} and no error code`)
  return new CloudError('ERR_CLOUD_REFUSED', `STS refuses: ${code}`, { detail: safeText(elements(body, 'Message')[0]) })
}

/** Its words, without anything long enough to be a token: SDKs write standard error into logs. */
function safeText(text = ''): string {
  return text
    .replace(/[A-Za-z0-9_-]{40,}/g, '…')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300)
}

function value(text: string, name: string, shape: RegExp): string {
  const content = onlyElement(text, name).trim()
  if (!shape.test(content)) throw unreadable(name)
  return content
}

/** Two of a name could mean one to us and another to whoever looks on. */
function onlyElement(text: string, name: string): string {
  const [content, second] = elements(text, name)
  if (content === undefined || second !== undefined) throw unreadable(name)
  return content
}

function elements(text: string, name: string): readonly string[] {
  const parts = text.split(`<${name}>`).slice(1)
  return parts.flatMap((part) => {
    const end = part.indexOf(`</${name}>`)
    return end === -1 ? [] : [part.slice(0, end)]
  })
}

function unreadable(name: string): CloudError {
  return new CloudError('ERR_CLOUD_ANSWER', `what answers is not STS: no ${name} can be read`)
}
