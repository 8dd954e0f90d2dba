/** What a person does next: connects a program of their own to the running demo. */
export function ownProgramGuide(folder: string): string {
  return `
Still running. Connect a program of your own, in another terminal:

  1. eval "$(npx countersign demo env)"        # sockets of the running demo, from ${folder}/env
  2. save this as hello.mjs, in a folder where @countersign/sdk is installed:

${indent(HELLO_PROGRAM)}
  3. tell the server which program it is:

     npx countersign entry create --id spiffe://shop.example/hello --parent "$DEMO_AGENT_ID" \\
       --selector unix:uid:$(id -u) --selector "unix:script:path:$PWD/hello.mjs"

  4. node hello.mjs

Ctrl-C ends the demo and removes ${folder}.
`
}

/** The README's ten-line program. */
export const HELLO_PROGRAM = `import { connect } from '@countersign/sdk'

const workload = await connect()
console.log(\`I am \${workload.id}\`)

const response = await workload.fetch(\`\${process.env.STOREFRONT_URL}/whoami\`)
console.log(\`The storefront says: \${await response.text()}\`)

workload.close()
`

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '     ')
}
