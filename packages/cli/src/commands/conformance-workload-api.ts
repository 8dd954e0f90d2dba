import { basename, dirname } from 'node:path'
import type { EndpointAddress } from '@countersign/workload-api'
import { type Command, InvalidArgumentError } from 'commander'
import type { CommandContext } from '../command-context.ts'
import type { SuiteReport } from '../conformance/workload-api/run-checks.ts'
import { EXIT } from '../exit.ts'
import { writeFiles } from '../files/write-files.ts'
import { collect } from '../options/collect.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'
import { addSocketOption, endpointAddress } from '../workload-api/endpoint-option.ts'

interface Options {
  readonly socket?: string
  readonly list?: true
  readonly only: readonly string[]
  readonly withoutIdentityUid?: number
  readonly timeout: number
  readonly prompt: number
  readonly observe: number
  readonly expiry: number
  readonly report?: string
  readonly output: OutputFormat | 'junit'
}

const DOES = 'test any SPIFFE Workload API endpoint: one check for each requirement of the standards'

const PRECONDITION = `${DOES}

The process that runs this must have at least one identity: register an entry for it first. More checks can be judged when
it has two, one of them with a hint, one of them federating with another trust domain.

Exit status: 0 when no MUST failed, 1 when one did, 2 when the command line is wrong.`

export function addConformanceWorkloadApi(parent: Command, context: CommandContext): void {
  const about = {
    does: DOES,
    example: [
      'conformance workload-api --socket unix:///run/agent.sock --without-identity-uid 65534',
      "conformance workload-api --only 'X509-*' --report workload-api.xml",
    ],
  }
  const command = addVerb(parent, 'workload-api', about, ['junit'])
    .summary(DOES)
    .description(PRECONDITION)
    .option('--list', 'list the checks and run nothing')
    .option('--only <pattern>', 'only checks of this id, * for any text (repeatable)', collect, [])
    .option(
      '--without-identity-uid <uid>',
      'a user who has no identity, for the checks about that (needs root)',
      wholeNumber,
    )
    .option('--timeout <seconds>', 'patience for an answer', seconds, 10)
    .option('--prompt <seconds>', 'patience for the first message of a stream', seconds, 3)
    .option('--observe <seconds>', 'how long each stream is watched', seconds, 3)
    .option('--expiry <seconds>', 'how long to wait for a token to expire', seconds, 0)
    .option('--report <file>', 'also write the result to this file: JUnit for .xml, else JSON')
  addSocketOption(command).action(async (options: Options) => {
    if (options.list) return list(context, options)
    const report = await run(context, options)
    if (report.failed > 0) context.exitCode = EXIT.failed
    const { formatJunit } = await import('../conformance/workload-api/report/junit.ts')
    if (options.report !== undefined) {
      const text = options.report.endsWith('.xml') ? formatJunit(report) : `${JSON.stringify(report, null, 2)}\n`
      await writeFiles(dirname(options.report), [{ name: basename(options.report), text, isPrivate: false }])
    }
    const { output } = options
    if (output === 'junit') {
      context.stdout.write(formatJunit(report))
      return
    }
    const { printReport } = await import('../conformance/workload-api/report/text.ts')
    openOutput(context, { output }).result(report, (page) => printReport(page, report))
  })
}

async function list(context: CommandContext, { only, output }: Options): Promise<void> {
  const [{ ALL_CHECKS }, { selectChecks }] = await Promise.all([
    import('../conformance/workload-api/all-checks.ts'),
    import('../conformance/workload-api/select-checks.ts'),
  ])
  const selected = selectChecks(ALL_CHECKS, only)
  const checks = ALL_CHECKS.filter((check) => selected.has(check)).map(
    ({ id, level, section, title, expected, needs }) => ({
      id,
      level,
      title,
      section,
      expected,
      needs: needs ?? [],
    }),
  )
  openOutput(context, { output: output === 'text' ? 'text' : 'json' }).result({ checks }, (page) =>
    page.table(
      ['check', 'level', 'what', 'section'],
      checks.map(({ id, level, title, section }) => [id, level, title, section]),
    ),
  )
}

async function run(context: CommandContext, options: Options): Promise<SuiteReport> {
  const { runSuite } = await import('../conformance/workload-api/run-suite.ts')
  const { only, withoutIdentityUid, timeout, prompt, observe, expiry } = options
  const isWatched = context.stderr.isTTY === true
  try {
    return await runSuite({
      address: await addressOf(context, options),
      only,
      ...(withoutIdentityUid === undefined ? {} : { withoutIdentityUid }),
      patience: {
        answerMs: timeout * 1000,
        promptMs: prompt * 1000,
        observeMs: observe * 1000,
        expiryMs: expiry * 1000,
      },
      now: () => context.clock.now(),
      onResult: ({ id }, done, of) => {
        if (isWatched) context.stderr.write(`\r\u001b[K${done}/${of} ${id}`)
      },
    })
  } finally {
    if (isWatched) context.stderr.write('\r\u001b[K')
  }
}

/** @throws EndpointError `ERR_ENDPOINT_*` */
async function addressOf({ env }: CommandContext, { socket }: Options): Promise<EndpointAddress> {
  const { ENDPOINT_VARIABLE, parseEndpointAddress } = await import('@countersign/workload-api')
  return parseEndpointAddress(socket === undefined ? env[ENDPOINT_VARIABLE] : endpointAddress(socket))
}

function seconds(text: string): number {
  if (!/^[0-9]{1,6}(?:\.[0-9]{1,3})?$/.test(text)) throw new InvalidArgumentError('Expected seconds, as in 10 or 0.5.')
  return Number(text)
}

/** The largest that a process can be started with. */
const MAX_UID = 2_147_483_647

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,10}$/.test(text) || Number(text) > MAX_UID)
    throw new InvalidArgumentError('Expected the number of a user, as in 65534.')
  return Number(text)
}
