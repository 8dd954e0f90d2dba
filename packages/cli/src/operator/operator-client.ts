import { type Command, Option } from 'commander'
import { AdminSocketError } from '../admin/admin-socket-error.ts'
import { type Exchange, exchange } from '../admin/exchange.ts'
import { readAnswer } from '../admin/read-answer.ts'
import type { CommandContext } from '../command-context.ts'
import { asOperatorSocketError } from './operator-socket-error.ts'

export const DEFAULT_OPERATOR_SOCKET = '/run/countersign/operator.sock'

/** An agent may be set to wait five minutes for its attestors. */
const TIMEOUT_SECONDS = 310
const MAX_BODY_BYTES = 16 * 1024 * 1024

export interface OperatorOptions {
  readonly operatorSocket?: string
}

export function addOperatorSocketOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--operator-socket <path>',
      `agent's operator socket (env COUNTERSIGN_OPERATOR_SOCKET, else ${DEFAULT_OPERATOR_SOCKET})`,
    ),
  )
}

/**
 * Asks the agent that the option, the environment or the default names, in that order.
 *
 * @throws AdminProblem for a refusal, OperatorSocketError `ERR_OPERATOR_SOCKET_*`
 */
export function askAgent<T>(context: CommandContext, options: OperatorOptions, path: string): Promise<T> {
  return callAgent(context, options, { method: 'GET', path })
}

/** As `askAgent`, for what changes something. */
export async function callAgent<T>(
  context: CommandContext,
  options: OperatorOptions,
  call: Pick<Exchange, 'method' | 'path' | 'body'>,
): Promise<T> {
  const fromEnvironment = context.env['COUNTERSIGN_OPERATOR_SOCKET'] || DEFAULT_OPERATOR_SOCKET
  const socketPath = options.operatorSocket ?? fromEnvironment
  const limits = { timeoutSeconds: TIMEOUT_SECONDS, maxBodyBytes: MAX_BODY_BYTES }
  try {
    return readAnswer(await exchange({ socketPath, ...call, ...limits })) as T
  } catch (error) {
    throw error instanceof AdminSocketError ? asOperatorSocketError(socketPath, error) : error
  }
}
