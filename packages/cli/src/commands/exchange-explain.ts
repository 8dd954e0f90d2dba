import type { ExchangeExplanation, ExplainExchange, ExplainedParty } from '@countersign/api'
import { type Command, Option } from 'commander'
import { type AdminOptions, addAdminSocketOption, openAdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { parseParty } from '../options/parse-party.ts'
import { type OutputFormat, openOutput } from '../output.ts'
import { addVerb } from '../verb.ts'

interface Options extends AdminOptions {
  readonly grant: ExplainExchange['grant']
  readonly subject: ExplainedParty
  readonly client?: ExplainedParty
  readonly actor?: ExplainedParty
  readonly requested?: string
  readonly audience?: readonly string[]
  readonly scope?: string
  readonly subjectScope?: string
  readonly output: OutputFormat
}

const GRANTS = ['client_credentials', 'jwt-bearer', 'token-exchange'] as const satisfies readonly Options['grant'][]

export function addExchangeExplain(parent: Command, context: CommandContext): void {
  const command = addVerb(parent, 'explain', {
    does: 'say what the exchange rules would decide, and which part of which rule does not hold',
    example: [
      'exchange explain --grant client_credentials --subject service-account:cluster:system:serviceaccount:test:default',
      'exchange explain --subject access-token:login:alice --client wit:example.org:spiffe://example.org/gateway --audience https://orders.example',
    ],
  })
    .requiredOption('--subject <profile:issuer:subject>', 'for whom the token would be', parseParty)
    .addOption(new Option('--grant <grant>', 'how it would be asked for').choices(GRANTS).default('token-exchange'))
    .option('--client <profile:issuer:subject>', 'who would ask; default the subject', parseParty)
    .option('--actor <profile:issuer:subject>', 'whose actor token would come along', parseParty)
    .option('--requested <profile>', 'type of the token; default what a request without type gets')
    .option('--audience <name...>', 'for which audience it would be')
    .option('--scope <scopes>', 'scopes that would be asked for, in quotation marks if several')
    .option('--subject-scope <scopes>', 'scopes that the subject token has; left out for tokens that do not say')
  addAdminSocketOption(command).action(async (options: Options) => {
    const client = openAdminClient(context, options)
    const explanation = await client.post<ExchangeExplanation>('/v1/exchange/explain', toRequest(options))
    openOutput(context, options).result(explanation, (page) => {
      const { allowed, requested, rule, error, ttl, findings } = explanation
      page.fields(
        allowed
          ? [
              ['allowed', `by rule ${rule}`],
              ['token', requested],
              ['lifetime', `${ttl} s at most`],
            ]
          : [
              ['refused', `${error}`],
              ['token', requested],
            ],
      )
      page.line()
      if (findings.length === 0) return page.line('there are no rules')
      page.table(
        ['rule', 'what does not hold'],
        findings.map((finding) => [finding.rule, finding.failed.length === 0 ? '(all holds)' : finding.failed]),
      )
    })
  })
}

function toRequest(options: Options): ExplainExchange {
  const { grant, subject, client, actor, requested, audience, scope, subjectScope } = options
  return {
    grant,
    subject: subjectScope === undefined ? subject : { ...subject, scopes: splitScopes(subjectScope) },
    ...(client === undefined ? {} : { client }),
    ...(actor === undefined ? {} : { actor }),
    ...(requested === undefined ? {} : { requested }),
    ...(audience === undefined ? {} : { audience: [...audience] }),
    ...(scope === undefined ? {} : { scopes: splitScopes(scope) }),
  }
}

function splitScopes(text: string): string[] {
  return text.split(' ').filter((scope) => scope !== '')
}
