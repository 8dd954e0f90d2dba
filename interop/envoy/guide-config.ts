import { readFile } from 'node:fs/promises'

const GUIDE = new URL('../../docs/guides/envoy.md', import.meta.url)

/**
 * A configuration of Envoy out of the guide, with other values in a few places: what the guide tells people to paste is
 * what runs here.
 *
 * @param name comment in the first line of the block: `orders.yaml`
 * @param changes what stands in the guide, and what to put there, wherever it occurs
 * @throws Error when the guide has no such block, or something to change is not in it
 */
export async function guideConfig(name: string, changes: Readonly<Record<string, string>>): Promise<string> {
  const guide = await readFile(GUIDE, 'utf8')
  const block = [...guide.matchAll(/^```yaml\n(# (.+)\n[\s\S]*?)^```$/gm)].find(([, , title]) => title === name)
  if (block?.[1] === undefined) throw new Error(`the guide has no ${name}`)
  let config = block[1]
  for (const [from, to] of Object.entries(changes)) {
    if (!config.includes(from)) throw new Error(`${name} of the guide has no "${from}"`)
    config = config.replaceAll(from, to)
  }
  return config
}
