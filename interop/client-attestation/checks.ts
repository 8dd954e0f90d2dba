/** Prints what a client's program found, one check a line, and sets its exit status. */
export class Checks {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
    process.exitCode = 0
  }

  async gives(check: string, flow: () => Promise<readonly [boolean, string]>): Promise<void> {
    const [ok, detail] = await flow().catch((error) => [false, refusalOf(error)] as const)
    this.#report(check, ok, detail)
  }

  async refuses(check: string, expected: string, flow: () => Promise<unknown>): Promise<void> {
    const detail = await flow().then(() => 'was granted', refusalOf)
    this.#report(`refused: ${check}`, detail === expected, detail)
  }

  #report(check: string, ok: boolean, detail: string): void {
    if (!ok) process.exitCode = 1
    console.log(JSON.stringify({ check: `${this.#name}: ${check}`, ok, detail }))
  }
}

/** Status and OAuth error of what a library threw; its message when it was no answer of the server. */
function refusalOf(thrown: unknown): string {
  const { status, error, response, errorResponse, message } = thrown as {
    status?: number
    error?: string
    response?: { status?: number }
    errorResponse?: { error?: string }
    message: string
  }
  const code = status ?? response?.status
  const said = error ?? errorResponse?.error
  return code === undefined || said === undefined ? message : `${code} ${said}`
}
