/** Finds the names in an expression of Prometheus' query language. Knows as much of it as that takes. */

export interface NamedSelector {
  readonly metric: string
  /** Labels that it is selected by. */
  readonly labels: readonly string[]
}

export interface ExpressionNames {
  readonly selectors: readonly NamedSelector[]
  /** Of `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`. */
  readonly groupings: readonly string[]
  readonly functions: readonly string[]
}

const TOKEN =
  /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\[[^\]]*\]|[a-zA-Z_:][a-zA-Z0-9_:]*|\d[\d.]*[a-z]*|[(){},]|=~|!~|!=|==|[^\s]/g
const NAME = /^[a-zA-Z_:]/
const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'])
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan', 'atan2'])

export function namesIn(expression: string): ExpressionNames {
  const tokens: readonly string[] = expression.match(TOKEN) ?? []
  const selectors: NamedSelector[] = []
  const groupings: string[] = []
  const functions: string[] = []
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? ''
    const next = tokens[at + 1]
    if (!NAME.test(token) || WORDS.has(token.toLowerCase())) continue
    if (GROUPING.has(token)) {
      if (next !== '(') continue
      const end = tokens.indexOf(')', at)
      groupings.push(...tokens.slice(at + 2, end).filter((each) => NAME.test(each)))
      at = end
    } else if (next === '(' || GROUPING.has(next ?? '')) {
      functions.push(token)
    } else if (next === '{') {
      const end = tokens.indexOf('}', at)
      const inside = tokens.slice(at + 2, end)
      selectors.push({ metric: token, labels: inside.filter((each) => NAME.test(each)) })
      at = end
    } else {
      selectors.push({ metric: token, labels: [] })
    }
  }
  return { selectors, groupings, functions }
}
