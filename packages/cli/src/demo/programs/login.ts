/** The shop's login server, which stands in for a real identity provider. */
import { writeFileSync } from 'node:fs'
import { startLoginServer } from '../login-server/login-server.ts'
import { makeWebCertificate } from '../login-server/web-certificate.ts'
import { say, setting } from './listen.ts'

const certificate = await makeWebCertificate(Math.floor(Date.now() / 1000))
writeFileSync(setting('ROOT_FILE'), certificate.root)
const server = startLoginServer({
  port: Number(setting('PORT')),
  certificate,
  user: { name: setting('USER_NAME'), email: setting('USER_EMAIL'), password: setting('USER_PASSWORD') },
  redirectUris: [setting('REDIRECT_URI')],
  scopes: setting('SCOPES').split(' '),
})
server.once('listening', () => say({ event: 'ready' }))
