import type { Clock } from '@countersign/plugin-kit'
import { errorCode, WorkloadIdentityError } from '@countersign/protocol'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Audit } from '../../audit/audit.ts'
import { RefusalLimit } from '../../audit/refusal-limit.ts'
import type { AdminAccess } from '../../authorization/admin-access.ts'
import { AdminError } from '../../authorization/admin-error.ts'
import { ADMIN_RULES, type AdminRule } from '../../authorization/admin-rules.ts'
import type { AdminCaller, Administrators } from '../../authorization/administrators.ts'
import { createEntryGuard, type EntryGuard, type EntryGuardOptions } from '../../authorization/entry-guard.ts'
import { ownPathOf, WHOLE_DOMAIN } from '../../authorization/path-prefix.ts'
import { AGENT_PATH } from '../../registration/entry-parent.ts'

export interface AdminGateOptions {
  readonly authenticate: (request: FastifyRequest) => Promise<AdminCaller>
  readonly administrators: Administrators
  readonly audit: Audit
  readonly clock: Clock
  readonly trustDomain: string
  readonly defaultTtlSeconds: EntryGuardOptions['defaultTtlSeconds']
  readonly rules?: readonly AdminRule[]
}

/** What routes ask of the gate. Asking is what the gate insists on, where a rule leaves the answer to the route. */
export interface AdminGatekeeper {
  readonly accessOf: (request: FastifyRequest) => AdminAccess
  readonly entryGuardOf: (request: FastifyRequest) => EntryGuard
}

interface AdminCall {
  readonly access: AdminAccess
  isConsulted: boolean
  isAudited: boolean
  /** What the call names, once its shape was checked. */
  resource: string | undefined
}

/** Nothing that a request says can be read as this. */
const RULE = Symbol('rule of an admin route')
interface RuledConfig {
  readonly [RULE]?: AdminRule
}

/** Every call of the admin API comes through here: authenticated, held against its rule, audited once. */
export class AdminGate implements AdminGatekeeper {
  readonly #options: AdminGateOptions
  readonly #rules: ReadonlyMap<string, AdminRule>
  readonly #unused: Set<string>
  readonly #calls = new WeakMap<FastifyRequest, AdminCall>()
  readonly #unknownCallers: RefusalLimit

  constructor(options: AdminGateOptions) {
    const rules = options.rules ?? ADMIN_RULES
    this.#options = options
    this.#rules = new Map(rules.map((rule) => [rule.route, rule]))
    this.#unused = new Set(rules.filter((rule) => rule.isOptional !== true).map(({ route }) => route))
    this.#unknownCallers = new RefusalLimit(options.clock)
  }

  /** To be called before any route is declared. */
  readonly install = (app: FastifyInstance): void => {
    app.addHook('onRoute', (route) => this.#guardRoute(route))
    // What a route's schema refuses never reaches the route.
    app.addHook('onError', async (request, _reply, error) => {
      const rule = this.#ruleFor(request)
      const call = this.#calls.get(request)
      if (rule !== undefined && call !== undefined) this.#audit(rule, call, error)
    })
  }

  /** Before the body is read: a stranger's is not worth the memory. */
  readonly admit = async (request: FastifyRequest): Promise<void> => {
    const { authenticate, administrators } = this.#options
    const rule = this.#ruleFor(request)
    let caller: AdminCaller
    try {
      caller = await authenticate(request)
    } catch (error) {
      this.#auditUnknown(rule, error)
      throw error
    }
    const access = await administrators.accessOf(caller)
    this.#calls.set(request, { access, isConsulted: false, isAudited: false, resource: undefined })
    // Neither a path that is not there nor another method of one that is: both are answered as such.
    if (rule === undefined) return
    // A refusal is audited by the hook that sees every error.
    if (rule.onlyOwner === true && !caller.isOwner) {
      throw new AdminError(
        'ERR_ADMIN_FORBIDDEN',
        `${rule.action} is for root and the user that the server runs as, on the admin socket`,
      )
    }
    if (rule.over === 'trust-domain') access.requireOver(rule.action, rule.role, WHOLE_DOMAIN)
    else access.requireAnywhere(rule.action, rule.role)
  }

  /** @throws Error when a rule belongs to no route: somebody thinks that something is guarded which is called otherwise */
  requireAllUsed(): void {
    if (this.#unused.size > 0) throw new Error(`no such admin route: ${[...this.#unused].join(', ')}`)
  }

  readonly accessOf = (request: FastifyRequest): AdminAccess => {
    const call = this.#callOf(request)
    call.isConsulted = true
    return call.access
  }

  readonly entryGuardOf = (request: FastifyRequest): EntryGuard => {
    const { administrators, trustDomain, defaultTtlSeconds } = this.#options
    const call = this.#callOf(request)
    const guard = createEntryGuard(this.#ruleFor(request)?.action ?? '', {
      access: call.access,
      trustDomain,
      defaultTtlSeconds,
      rolesOf: (snapshot, spiffeId) => administrators.rolesOf(snapshot, spiffeId),
    })
    return {
      get visible() {
        call.isConsulted = true
        return guard.visible
      },
      sees(entry) {
        call.isConsulted = true
        return guard.sees(entry)
      },
      requireWritable(snapshot, entry) {
        call.isConsulted = true
        return guard.requireWritable(snapshot, entry)
      },
    }
  }

  #callOf(request: FastifyRequest): AdminCall {
    const call = this.#calls.get(request)
    if (call === undefined) throw new TypeError('route needs an administrator')
    return call
  }

  #ruleFor(request: FastifyRequest): AdminRule | undefined {
    return (request.routeOptions.config as RuledConfig | undefined)?.[RULE]
  }

  #guardRoute(route: RouteOptions & { config?: object }): void {
    // The answer to a wrong method: it does nothing, for anyone.
    if (isRefusalOfMethods(route)) return
    const methods = [route.method].flat().map((method) => (method === 'HEAD' ? 'GET' : method))
    const [key] = new Set(methods.map((method) => `${method} ${route.url}`))
    const rule = methods.length === 1 && key !== undefined ? this.#rules.get(key) : undefined
    if (rule === undefined) throw new Error(`admin route without a rule: ${methods.join(', ')} ${route.url}`)
    this.#unused.delete(rule.route)
    route.config = Object.assign({}, route.config, { [RULE]: rule } satisfies RuledConfig)
    const { handler } = route
    const gate = this
    route.handler = async function (request, reply) {
      return gate.#run(rule, request, reply, async () => handler.call(this, request, reply))
    }
  }

  async #run(
    rule: AdminRule,
    request: FastifyRequest,
    reply: FastifyReply,
    handle: () => Promise<unknown>,
  ): Promise<unknown> {
    const call = this.#callOf(request)
    call.resource = resourceOf(request)
    try {
      this.#requireTarget(rule, request, call.access)
      const answer = await handle()
      if (isLeftToRoute(rule) && !call.isConsulted) {
        throw new TypeError(`admin route did not ask what its caller may: ${rule.route}`)
      }
      this.#audit(rule, call)
      return answer
    } catch (error) {
      // Of an answer that is on its way the rest may fail; that says nothing about the call.
      this.#audit(rule, call, reply.sent ? undefined : error)
      throw error
    }
  }

  #requireTarget({ action, role, over }: AdminRule, request: FastifyRequest, access: AdminAccess): void {
    const { trustDomain } = this.#options
    const { agentId, agentPath, selectors } = (request.body ?? {}) as Readonly<Record<string, unknown>>
    if (over === 'node') access.requireOver(action, role, ownPathOf(String(agentId), trustDomain))
    // Without a path, the server makes one below this.
    const path = `${AGENT_PATH}${typeof agentPath === 'string' ? agentPath : '/join-token'}`
    if (over !== 'new-node') return
    access.requireOver(action, role, ownPathOf(`spiffe://${trustDomain}${path}`, trustDomain))
    // They can put the node below any alias, and so give it the entries of any team.
    if (selectors !== undefined) access.requireOver(`${action} with "selectors"`, role, WHOLE_DOMAIN)
  }

  #audit({ action, role }: AdminRule, call: AdminCall, error?: unknown): void {
    if (call.isAudited) return
    call.isAudited = true
    // What the caller may not know of is answered as if it were not there; here it is called by its name.
    const isHidden = call.access.hasRefused && errorCode(error)?.endsWith('_NOT_FOUND') === true
    const isDenied = error instanceof AdminError || isHidden
    this.#options.audit.adminCalled({
      subject: call.access.subject,
      action,
      role,
      resource: call.resource,
      decision: isDenied ? 'denied' : 'allowed',
      ...(error !== undefined && { code: errorCode(error) ?? 'ERR_HTTP_REQUEST' }),
      ...(isDenied && { reason: error instanceof AdminError ? error.message : 'not within what it may know of' }),
    })
  }

  /** Anyone who can connect gets this far. */
  #auditUnknown(rule: AdminRule | undefined, error: unknown): void {
    if (!(error instanceof WorkloadIdentityError)) return
    const more = this.#unknownCallers.admit(error.code)
    if (more === undefined) return
    this.#options.audit.adminCalled({
      action: rule?.action ?? 'unknown',
      decision: 'denied',
      code: error.code,
      reason: error.message,
      ...(more > 0 && { more }),
    })
  }
}

function isLeftToRoute({ over }: AdminRule): boolean {
  return over === 'entries' || over === 'nodes' || over === 'role-grants'
}

function isRefusalOfMethods(route: RouteOptions & { config?: object }): boolean {
  return route.config !== undefined && 'refusesMethod' in route.config
}

const MAX_RESOURCE_LENGTH = 256

/** What a call names: identifiers, never a secret. */
function resourceOf({ params, body }: FastifyRequest): string | undefined {
  const named = { ...(body as object | undefined), ...(params as object | undefined) } as Readonly<
    Record<string, unknown>
  >
  const name = ['id', 'trustDomain', 'agentId', 'spiffeId', 'agentPath', 'prefix', 'kind']
    .map((member) => named[member])
    .find((value) => typeof value === 'string')
  return typeof name === 'string' ? name.slice(0, MAX_RESOURCE_LENGTH) : batchResource(named)
}

function batchResource(body: Readonly<Record<string, unknown>>): string | undefined {
  const steps = ['create', 'replace', 'delete'].flatMap((step) => {
    const list = body[step]
    return Array.isArray(list) ? [`${step} ${list.length}`] : []
  })
  return steps.length === 0 ? undefined : steps.join(', ')
}
