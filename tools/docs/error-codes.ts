import ts from 'typescript'
import { isTestFile } from '../dependencies/workspace.ts'
import type { Problem } from '../problem.ts'
import type { Tree } from './tree.ts'

/** The codes of one error class, in the order of the source. */
export interface ErrorArea {
  readonly className: string
  /** The class it extends, which says what kind of failure this is. */
  readonly baseName: string
  readonly packageName: string
  readonly file: string
  readonly codes: readonly string[]
}

const CODE = /^ERR_[A-Z0-9]+(?:_[A-Z0-9]+)+$/
/** Codes of Node, which product code may look at. */
const FOREIGN = /^ERR_(?:HTTP2|TLS|SSL|OSSL|STREAM|CRYPTO|MODULE)_/

/**
 * Every union of error codes in product code, with the class that takes it as its parameter. Also problems of the
 * source: codes that are declared twice, used without being declared, or taken by no class.
 */
export function readErrorCodes(tree: Tree): { readonly areas: readonly ErrorArea[]; readonly problems: Problem[] } {
  const files = tree.paths.filter(isProductSource).map((file) => readFile(file, tree.read(file)))
  const problems: Problem[] = []
  const declaredIn = new Map<string, string>()
  const areas: ErrorArea[] = []
  for (const { file, unions, classes } of files) {
    for (const { name, codes } of unions) {
      for (const code of codes) {
        const other = declaredIn.get(code)
        const message = `${code} is declared in ${other} too`
        if (other !== undefined) problems.push({ file, message, rule: 'an error code has one class' })
        declaredIn.set(code, file)
      }
      const names = classes.get(name)
      if (names !== undefined) areas.push({ ...names, packageName: packageOf(tree, file), file, codes })
      else {
        const message = `no class of this file takes ${name}`
        problems.push({ file, message, rule: 'error codes stand beside the class that has them' })
      }
    }
  }
  const undeclared = files
    .flatMap(({ uses }) => uses)
    .filter(({ code }) => !declaredIn.has(code) && !FOREIGN.test(code))
  for (const { file, line, code } of undeclared) {
    problems.push({ file, line, message: `${code} is in no union of codes`, rule: 'every error code is declared' })
  }
  return { areas, problems }
}

interface ErrorFacts {
  readonly file: string
  readonly unions: { readonly name: string; readonly codes: readonly string[] }[]
  /** By the type that the class takes as its parameter. */
  readonly classes: Map<string, { readonly className: string; readonly baseName: string }>
  readonly uses: { readonly file: string; readonly line: number; readonly code: string }[]
}

function readFile(file: string, text: string): ErrorFacts {
  const facts: ErrorFacts = { file, unions: [], classes: new Map(), uses: [] }
  if (!text.includes('ERR_')) return facts
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const visit = (node: ts.Node): void => {
    if (ts.isTypeAliasDeclaration(node)) {
      const codes = codesOf(node.type)
      if (codes.length > 0) {
        facts.unions.push({ name: node.name.text, codes })
        return
      }
    }
    if (ts.isExpressionWithTypeArguments(node) && ts.isClassDeclaration(node.parent.parent)) {
      const className = node.parent.parent.name?.text ?? 'anonymous class'
      const baseName = node.expression.getText()
      for (const type of node.typeArguments ?? []) facts.classes.set(type.getText(), { className, baseName })
    }
    if (ts.isStringLiteral(node) && CODE.test(node.text)) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart())
      facts.uses.push({ file, line: line + 1, code: node.text })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return facts
}

/** Short unions stand on one line, long ones on many: only the syntax tree knows them all. */
function codesOf(type: ts.TypeNode): string[] {
  if (ts.isUnionTypeNode(type)) return type.types.flatMap(codesOf)
  if (!ts.isLiteralTypeNode(type) || !ts.isStringLiteral(type.literal)) return []
  return CODE.test(type.literal.text) ? [type.literal.text] : []
}

function isProductSource(path: string): boolean {
  return /^packages\/(?:.+\/)?src\/.+\.ts$/.test(path) && !isTestFile(path)
}

function packageOf(tree: Tree, file: string): string {
  const folder = file.slice(0, file.indexOf('/src/'))
  return (JSON.parse(tree.read(`${folder}/package.json`)) as { name: string }).name
}
