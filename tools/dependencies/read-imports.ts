import ts from 'typescript'

export interface Import {
  readonly specifier: string
  readonly line: number
}

/** A name that only the runtime can give a meaning to: `Buffer`, `Date.now`. */
export interface AmbientUse {
  readonly name: string
  readonly line: number
}

export interface SourceFacts {
  readonly imports: readonly Import[]
  readonly ambient: readonly AmbientUse[]
}

const AMBIENT_NAMES: ReadonlySet<string> = new Set([
  'Buffer',
  'NodeJS',
  '__dirname',
  '__filename',
  'fetch',
  'global',
  'performance',
  'process',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
])
const AMBIENT_MEMBERS: ReadonlySet<string> = new Set(['Date.now', 'Math.random', 'crypto.subtle'])

/** Everything that a module takes from elsewhere, also for its types alone. */
export function readSource(file: string, text: string): SourceFacts {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const imports: Import[] = []
  const ambient: AmbientUse[] = []
  const declared = new Set<string>()
  const lineOf = (node: ts.Node) => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1

  const visit = (node: ts.Node): void => {
    const specifier = importedFrom(node)
    if (specifier !== undefined) imports.push({ specifier: specifier.text, line: lineOf(specifier) })
    const declaredName = declaredIdentifier(node)
    if (declaredName !== undefined) declared.add(declaredName)
    const name = ambientName(node)
    if (name !== undefined) ambient.push({ name, line: lineOf(node) })
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { imports, ambient: ambient.filter(({ name }) => !declared.has(name)) }
}

function importedFrom(node: ts.Node): ts.StringLiteral | undefined {
  let target: ts.Node | undefined
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) target = node.moduleSpecifier
  else if (ts.isExternalModuleReference(node)) target = node.expression
  else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) target = node.argument.literal
  else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) target = node.arguments[0]
  return target !== undefined && ts.isStringLiteral(target) ? target : undefined
}

function declaredIdentifier(node: ts.Node): string | undefined {
  const isDeclaration =
    ts.isVariableDeclaration(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isBindingElement(node) ||
    ts.isImportSpecifier(node) ||
    ts.isImportClause(node)
  return isDeclaration && node.name !== undefined && ts.isIdentifier(node.name) ? node.name.text : undefined
}

function ambientName(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const member = `${node.expression.text}.${node.name.text}`
    if (AMBIENT_MEMBERS.has(member)) return member
    if (node.expression.text === 'globalThis' && AMBIENT_NAMES.has(node.name.text)) return member
  }
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'Date') {
    if ((node.arguments?.length ?? 0) === 0) return 'new Date()'
  }
  return ts.isIdentifier(node) && AMBIENT_NAMES.has(node.text) && !isMemberName(node) ? node.text : undefined
}

/** `response.process` and `{ process: 1 }` name a member, whatever it is called. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)) return parent.name === node
  if (ts.isQualifiedName(parent)) return parent.right === node
  if (ts.isBindingElement(parent)) return parent.propertyName === node
  return (
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent)
  )
}
