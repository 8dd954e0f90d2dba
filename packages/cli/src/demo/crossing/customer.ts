import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { DemoProgram, DemoProgramOptions } from '../demo-program.ts'
import type { Places } from '../places.ts'
import { programPath } from '../services.ts'
import { signIn } from './sign-in.ts'

const SCOPE = 'payments.write'

/** A customer of the shop with an account at its login server. */
export interface Customer {
  readonly name: string
  readonly email: string
  /** PEM root of the login server's certificate. */
  readonly rootFile: string
  /** Signs in at the shop. @returns the access token, which is for the shop's token service alone */
  signIn(): Promise<string>
}

/** Starts the login server, with one account. */
export async function startLogin(
  start: (options: DemoProgramOptions) => DemoProgram,
  folder: string,
  { issuers, urls, loginPort }: Pick<Places, 'issuers' | 'urls' | 'loginPort'>,
): Promise<Customer & { readonly program: DemoProgram }> {
  const person = { name: 'alice', email: 'alice@shop.example', password: randomBytes(12).toString('base64url') }
  const rootFile = join(folder, 'root.pem')
  const redirectUri = `${urls.storefront}/signed-in`
  const program = start({
    name: 'login server of shop.example',
    args: ['--enable-source-maps', programPath('login')],
    env: {
      PORT: String(loginPort),
      ROOT_FILE: rootFile,
      USER_NAME: person.name,
      USER_EMAIL: person.email,
      USER_PASSWORD: person.password,
      REDIRECT_URI: redirectUri,
      SCOPES: SCOPE,
    },
    logFile: join(folder, 'login.log'),
  })
  await program.waitFor(({ event }) => event === 'ready', 'ready')
  const application = { clientId: 'shop-app', redirectUri, scope: SCOPE, resource: issuers.shop }
  return {
    program,
    name: person.name,
    email: person.email,
    rootFile,
    signIn: () => signIn(issuers.login, rootFile, application, person),
  }
}
