import { AuthenticityError, type TrustStore } from '@countersign/protocol'
import { type Command, Option } from 'commander'
import { CliError } from '../cli-error.ts'
import type { CommandContext } from '../command-context.ts'
import { EXIT } from '../exit.ts'
import { readArtefact } from '../files/read-artefact.ts'
import { parseTrustDomainName } from '../options/parse-identifier.ts'
import { type OutputFormat, openOutput, type Page } from '../output.ts'
import { timeText } from '../terminal/time-text.ts'
import { addVerb } from '../verb.ts'
import type { CredentialType } from '../verify/trust-source.ts'
import type { Verification, VerificationInput } from '../verify/verify-artefact.ts'
import { addSocketOption } from '../workload-api/endpoint-option.ts'

interface Options {
  readonly type: CredentialType
  readonly bundle?: string
  readonly trustDomain?: string
  readonly socket?: string
  readonly audience?: string
  readonly wpt?: string
  readonly output: OutputFormat
}

export function addVerify(program: Command, context: CommandContext): void {
  const command = addVerb(program, 'verify', {
    does: 'verify a credential, and name each check it passed',
    example: [
      'verify --type x509-svid svid.pem --bundle bundle.json --trust-domain example.org',
      'verify --type wit wit.jwt --wpt "$WPT" --audience https://orders.example/v1/orders',
    ],
  })
    .argument('[input]', 'the credential itself, a file name, or - for standard input')
    .addOption(
      new Option('--type <type>', 'what it must be').choices(['wit', 'jwt-svid', 'x509-svid']).makeOptionMandatory(),
    )
    .option('--bundle <file>', 'SPIFFE bundle document to trust (default: ask the agent)')
    .option('--trust-domain <name>', 'trust domain the bundle is for', parseTrustDomainName)
    .option('--audience <name>', 'who verifies: required for jwt-svid and with --wpt')
    .option('--wpt <token>', 'proof that came with the WIT')
  addSocketOption(command).action(async (argument: string | undefined, options: Options) => {
    rejectContradiction(options)
    const trust = await readTrust(context, options)
    const artefact = await readArtefact(context, argument)
    await report(context, options, () => verify({ artefact, trust, now: context.clock.now() }, options))
  })
}

/** What each type needs, before anything is read. @throws CliError `ERR_CLI_USAGE` */
function rejectContradiction({ type, bundle, trustDomain, audience, wpt, socket }: Options): void {
  const refuse = (message: string) => {
    throw new CliError('ERR_CLI_USAGE', message)
  }
  if ((bundle === undefined) !== (trustDomain === undefined)) refuse('--bundle and --trust-domain go together')
  if (bundle !== undefined && socket !== undefined) refuse('trust comes from --bundle or from --socket, not from both')
  if (wpt !== undefined && type !== 'wit') refuse('--wpt goes with --type wit')
  if (audience === undefined && (type === 'jwt-svid' || wpt !== undefined)) refuse('--audience is missing')
}

async function readTrust(context: CommandContext, options: Options): Promise<TrustStore> {
  const { trustFromAgent, trustFromFile } = await import('../verify/trust-source.ts')
  const { bundle, trustDomain } = options
  return bundle !== undefined && trustDomain !== undefined
    ? trustFromFile(bundle, trustDomain)
    : trustFromAgent(context, options, options.type)
}

async function verify(input: VerificationInput, options: Options): Promise<Verification> {
  const { verifyJwtSvid, verifyWit, verifyX509 } = await import('../verify/verify-artefact.ts')
  const { type, wpt, audience = '' } = options
  switch (type) {
    case 'wit':
      return verifyWit(input, wpt === undefined ? undefined : { wpt, audience })
    case 'jwt-svid':
      return verifyJwtSvid(input, audience)
    case 'x509-svid':
      return verifyX509(input)
  }
}

/** A refusal is the result a program asked for, so as JSON it goes where results go. */
async function report(context: CommandContext, options: Options, run: () => Promise<Verification>): Promise<void> {
  try {
    const verification = await run()
    openOutput(context, options).result({ verified: true, type: options.type, ...verification }, (page) =>
      print(page, verification, context.clock.now()),
    )
  } catch (error) {
    if (!(error instanceof AuthenticityError) || options.output !== 'json') throw error
    const refusal = { verified: false, type: options.type, code: error.code, message: error.message }
    openOutput(context, options).result(refusal, () => {})
    context.exitCode = EXIT.failed
  }
}

function print(page: Page, { subject, expiresAt, passed, notChecked }: Verification, now: number): void {
  page.line(`verified: ${subject}`)
  page.line(`expires ${timeText(expiresAt, now)}`)
  for (const check of passed) page.line(`  passed       ${check}`)
  for (const check of notChecked) page.line(`  not checked  ${check}`)
}
