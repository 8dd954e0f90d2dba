/**
 * Draws what a command printed as a picture of a terminal, for the README:
 * `npm start --silent -- --once | node tools/render-terminal.ts '$ npm start -- --once' > docs/demo.svg`
 */
import { text } from 'node:stream/consumers'

const FONT_SIZE = 13
const LINE_HEIGHT = 18
const CHARACTER_WIDTH = 7.85
const PADDING = 16
const TITLE_BAR = 30

const COLOURS: readonly (readonly [RegExp, string])[] = [
  [/^\$ /, '#e6edf3'],
  [/✓/, '#7ee787'],
  [/✗/, '#ff7b72'],
  [/^demo: /, '#7ee787'],
  [/^ {6}/, '#8b949e'],
  [/^\S/, '#e6edf3'],
]
const DEFAULT_COLOUR = '#b1bac4'

/** @param lines what the terminal shows, top to bottom */
export function renderTerminal(lines: readonly string[]): string {
  const columns = Math.max(...lines.map((line) => line.length))
  const width = Math.ceil(columns * CHARACTER_WIDTH + PADDING * 2)
  const height = lines.length * LINE_HEIGHT + PADDING * 2 + TITLE_BAR
  const body = lines.map((line, index) => {
    const colour = COLOURS.find(([pattern]) => pattern.test(line))?.[1] ?? DEFAULT_COLOUR
    const weight = /^\S/.test(line) ? ' font-weight="bold"' : ''
    const y = TITLE_BAR + PADDING + (index + 0.8) * LINE_HEIGHT
    return `<text x="${PADDING}" y="${y}" fill="${colour}"${weight} xml:space="preserve">${escapeXml(line)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT_SIZE}">
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<circle cx="20" cy="18" r="5.5" fill="#ff5f57"/><circle cx="38" cy="18" r="5.5" fill="#febc2e"/><circle cx="56" cy="18" r="5.5" fill="#28c840"/>
${body.join('\n')}
</svg>
`
}

function escapeXml(line: string): string {
  return line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split('/').at(-1) ?? '')) {
  const [, , title] = process.argv
  const printed = (await text(process.stdin)).trimEnd().split('\n')
  process.stdout.write(renderTerminal(title === undefined ? printed : [title, ...printed]))
}
