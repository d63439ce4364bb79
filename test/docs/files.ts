import { globSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

/** The root of the project. */
export const root = join(import.meta.dirname, '../..')

/** A file of the project. */
export interface TextFile {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** The files that patterns match, from the root, without what is installed or generated. */
export function readFiles(...patterns: string[]): TextFile[] {
  const exclude = (path: string) => /(^|\/)(node_modules|\.data|\.git|dist)$/.test(path.split(sep).join('/'))
  return patterns
    .flatMap((pattern) => globSync(pattern, { cwd: root, exclude }))
    .map((path) => ({ path: path.split(sep).join('/'), text: readFileSync(join(root, path), 'utf8') }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** Where code is, tests and benchmarks included. */
export const CODE = '{core,embedded,routers,server,enterprise,examples,bench,test,testing,build,.ci}/**/*.ts'

/** Where prose is. */
export const PROSE = ['*.md', 'docs/**/*.md']
