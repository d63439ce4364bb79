import { stripTypeScriptTypes } from 'node:module'

/**
 * The source of a module as a debugger shows it, every line at its place: without the lines at which nothing ever stops, which hold
 * nothing but comments, types or an import. What is said and typed of exported names is in the declarations, what is imported in the
 * compiled module, all of it in the repository; the package has to stay small.
 */
export function plainSource(text: string): string {
  const code = stripTypeScriptTypes(text, { mode: 'strip' }).split('\n')
  let isWithinComment = false
  const lines = text.split('\n').map((line, index) => {
    if (!isWithinComment && isBlank(code[index] ?? '')) return ''
    const isComment = isWithinComment || /^ *\/[*/]/.test(line)
    if (isComment) isWithinComment = (isWithinComment || /^ *\/\*/.test(line)) && !line.includes('*/')
    return isComment || IMPORT.test(line) ? '' : line
  })
  return lines.join('\n')
}

/** An import on one line. */
const IMPORT = /^import .*'$/

/** Where types stood at the end of a statement without a semicolon, one takes their place. */
function isBlank(line: string): boolean {
  return /^\s*;?\s*$/.test(line)
}
