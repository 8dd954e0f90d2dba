import { isSignatureAlgorithm } from '@countersign/protocol'
import { importSigningKey } from '@countersign/protocol/keys-node'
import type { ExchangedToken, ExchangeRequest, TokenClient, TokenInput, Workload } from '@countersign/sdk'
import { type Command, Option } from 'commander'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { readInput } from '../files/read-input.ts'
import { readJsonFile } from '../files/read-json.ts'
import { collect } from '../options/collect.ts'
import { parseServiceUrl } from '../options/parse-service-url.ts'
import { parseTokenType, TOKEN_TYPE_NAMES } from '../options/parse-token-type.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { addSocketOption, type EndpointOptions, endpointAddress } from '../workload-api/endpoint-option.ts'
import { addExchangeExplain } from './exchange-explain.ts'
import { printExchanged, summarizeExchanged } from './exchanged-page.ts'

interface Options extends EndpointOptions {
  readonly issuer?: string
  readonly tokenEndpoint?: string
  readonly audience?: readonly string[]
  readonly resource?: readonly string[]
  readonly scope?: string
  readonly subjectTokenFile?: string
  readonly subjectTokenType: string
  readonly actorTokenFile?: string
  readonly actorTokenType: string
  readonly requestedType?: string
  readonly grantFile?: string
  readonly authentication: 'wit' | 'jwt-svid' | 'none'
  readonly assertionFile?: string
  readonly dpopKey?: string
  readonly claims?: true
  readonly output: OutputFormat
}

const MAX_TOKEN_BYTES = 16 * 1024
const MAX_KEY_BYTES = 16 * 1024
const TIMEOUT_MS = 30_000
const JWT = parseTokenType('jwt')

/** A verb without a noun, and a noun: `exchange explain` stands below it. */
export function addExchange(program: Command, context: CommandContext): void {
  const types = `one of ${TOKEN_TYPE_NAMES}, or a URN`
  const command = addVerb(program, 'exchange', {
    does: 'get a token from a token service, by the identity of this program or by a token of its platform, and print it',
    example: [
      'exchange --issuer https://id.example.org/oauth2 --audience https://orders.example --scope orders.read',
      'exchange --issuer https://id.example.org/oauth2 --assertion-file /var/run/secrets/tokens/id --claims',
      'exchange --issuer https://id.example.org/oauth2 --subject-token-file user.jwt --audience https://orders.example',
    ],
  })
    // Not by `requiredOption`: that would ask for it at the verb below as well.
    .option('--issuer <url>', 'issuer identifier of the token service; its metadata say where to ask', parseServiceUrl)
    .option('--token-endpoint <url>', 'where to ask, for a service without metadata', parseServiceUrl)
    .option('--audience <name>', 'whom the token is for (repeatable)', collect)
    .option('--resource <url>', 'the same as a URL, by RFC 8707 (repeatable)', collect)
    .option('--scope <scopes>', 'what it should allow, in quotation marks if several')
    .option('--subject-token-file <file>', 'on whose behalf: a token to exchange, - for standard input')
    .addOption(typeOption('--subject-token-type <type>', types).default(parseTokenType('access-token'), 'access-token'))
    .option('--actor-token-file <file>', 'who acts, where that is not this program')
    .addOption(
      typeOption('--actor-token-type <type>', 'the same').default(parseTokenType('access-token'), 'access-token'),
    )
    .addOption(typeOption('--requested-type <type>', 'what to get; without a subject token, in exchange for the WIT'))
    .option('--grant-file <file>', "another domain's authorization grant")
    .addOption(
      new Option('--authentication <method>', 'how this program says who it is')
        .choices(['wit', 'jwt-svid', 'none'])
        .default('wit'),
    )
    .option('--assertion-file <file>', 'say it by a token of the platform instead; needs no agent')
    .option('--dpop-key <file>', 'private JWK to bind the token to; default the key of the WIT, if that authenticates')
    .option('--claims', 'print what the token says instead of the token')
    .option('--explain', 'ask nobody for a token: the same as `exchange explain`')
  addSocketOption(command).action(async (options: Options) => {
    const token = await exchange(context, options)
    const summary = summarizeExchanged(token)
    openOutput(context, options).result({ ...summary, token: token.token }, (page) => {
      // The token alone, so that $(…) can hold it.
      if (options.claims === undefined) page.line(token.token)
      else printExchanged(page, summary, context.clock.now())
    })
  })
  addExchangeExplain(command, context)
}

const typeOption = (flags: string, description: string) => new Option(flags, description).argParser(parseTokenType)

async function exchange(context: CommandContext, options: Options): Promise<ExchangedToken> {
  const request = await toRequest(context, options)
  const client = await openClient(context, options, request)
  try {
    return await client.exchange(request)
  } finally {
    client.close?.()
  }
}

/** An agent is asked only when something of it is needed: a platform's token may be all there is. */
async function openClient(
  context: CommandContext,
  { socket }: Options,
  { authentication, subjectToken, actorToken }: ExchangeRequest,
): Promise<Pick<TokenClient, 'exchange'> & Partial<Pick<Workload, 'close'>>> {
  const { connect, TokenClient, withoutAgent } = await context.modules.sdk()
  const runtime = { now: () => context.clock.now() }
  const isAgentNeeded =
    authentication === 'wit' || authentication === 'jwt-svid' || subjectToken === 'wit' || actorToken === 'wit'
  if (!isAgentNeeded) return new TokenClient(withoutAgent(runtime))
  const address = socket === undefined ? context.env['SPIFFE_ENDPOINT_SOCKET'] : endpointAddress(socket)
  return connect({
    ...(address === undefined ? {} : { address }),
    timeoutMs: TIMEOUT_MS,
    runtime,
    // One try: what failed is in the error that ends it.
    onFailure: () => {},
  })
}

async function toRequest(context: CommandContext, options: Options): Promise<ExchangeRequest> {
  if (options.issuer === undefined)
    throw new CliError('ERR_CLI_USAGE', 'option --issuer <url> is needed: who gives the token?')
  const { tokenEndpoint, audience, resource, scope, requestedType, assertionFile, dpopKey } = options
  const read = async (file: string | undefined, type: string) =>
    file === undefined
      ? undefined
      : { token: (await readInput(context, file, MAX_TOKEN_BYTES)).toString().trim(), type }
  const subject = await read(options.subjectTokenFile, options.subjectTokenType)
  const actor = await read(options.actorTokenFile, options.actorTokenType)
  const grant = await read(options.grantFile, JWT)
  const subjectToken: TokenInput | undefined = subject ?? (requestedType === undefined ? undefined : 'wit')
  return {
    issuer: options.issuer,
    authentication: assertionFile === undefined ? options.authentication : { assertionFile },
    ...(tokenEndpoint === undefined ? {} : { tokenEndpoint }),
    ...(audience === undefined ? {} : { audience }),
    ...(resource === undefined ? {} : { resource }),
    ...(scope === undefined ? {} : { scope }),
    ...(subjectToken === undefined ? {} : { subjectToken }),
    ...(actor === undefined ? {} : { actorToken: actor }),
    ...(requestedType === undefined ? {} : { requestedTokenType: requestedType }),
    ...(grant === undefined ? {} : { assertion: grant }),
    ...(await bindingOf(dpopKey, assertionFile !== undefined || options.authentication !== 'wit')),
  }
}

/** A key of this process would be gone with it, and the token of use to nobody. */
async function bindingOf(dpopKey: string | undefined, isUnbound: boolean): Promise<Pick<ExchangeRequest, 'binding'>> {
  if (dpopKey === undefined) return isUnbound ? { binding: 'none' } : {}
  const jwk = await readJsonFile(dpopKey, MAX_KEY_BYTES)
  const { alg = 'ES256' } = jwk
  try {
    if (!isSignatureAlgorithm(alg)) throw new TypeError('key names an algorithm that is not known here')
    return { binding: { key: importSigningKey({ jwk }, alg) } }
  } catch (cause) {
    throw new CliError('ERR_CLI_FILE_MALFORMED', `file ${dpopKey} holds no private JWK that can be used`, { cause })
  }
}
