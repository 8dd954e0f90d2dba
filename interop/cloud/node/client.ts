/**
 * The SDKs of the clouds for Node, configured by the environment alone: `node client.ts SDK FOLDER`, where the folder has them.
 * Prints one line that says who it became.
 */
import { createRequire } from 'node:module'
import './names.ts'

const [sdk = '', folder = ''] = process.argv.slice(2)
const load = createRequire(`${folder}/package.json`)

async function aws(): Promise<string> {
  const { fromIni } = load('@aws-sdk/credential-providers')
  const { STSClient, GetCallerIdentityCommand } = load('@aws-sdk/client-sts')
  const credentials = await fromIni()()
  const client = new STSClient({ credentials, endpoint: process.env['INTEROP_MOTO'], region: 'eu-central-1' })
  return (await client.send(new GetCallerIdentityCommand({}))).Arn
}

async function google(): Promise<string> {
  const { GoogleAuth } = load('google-auth-library')
  const auth = new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] })
  const client = await auth.getClient()
  return `${client.constructor.name}: ${(await client.getAccessToken()).token}`
}

async function azure(): Promise<string> {
  const { WorkloadIdentityCredential } = load('@azure/identity')
  const { token } = await new WorkloadIdentityCredential().getToken('https://management.azure.com/.default')
  return token
}

const become = { aws, google, azure }[sdk]
if (become === undefined) throw new Error(`no SDK ${sdk}`)
console.log(await become())
