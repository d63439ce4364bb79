import { existsSync, globSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PROSE, readFiles, root, type TextFile } from './files.ts'
import { anchorsOf, inlineCodeOf, linksOf } from './markdown.ts'

const documents = readFiles(...PROSE)

/** Documents about this repository: paths in the contracts may be those of the original. */
const ours = documents.filter(({ path }) => !path.startsWith('docs/contract/'))

describe('links of documents', () => {
  test('lead to files and headings that exist', () => {
    expect(documents.length).toBeGreaterThan(20)
    expect(documents.flatMap(({ text }) => linksOf(text)).length).toBeGreaterThan(50)
    expect(documents.flatMap(brokenLinks)).toEqual([])
  })

  test.each(['no-such-file.md', 'docs/glossary.md#no-such-word', '#no-such-heading', 'docs/no-such-folder'])(
    '“%s” does not',
    (target) => {
      expect(brokenLinks({ path: 'README.md', text: `# Title\n[text](${target})` })).toHaveLength(1)
    },
  )

  test.each(['README.md', '#title', 'docs', 'https://example.org/', '`[text](nowhere.md)`'])('“%s” does', (target) => {
    const link = target.startsWith('`') ? target : `[text](${target})`
    expect(brokenLinks({ path: 'README.md', text: `# Title\n${link}` })).toEqual([])
  })
})

describe('paths that documents name', () => {
  test('exist', () => {
    const named = ours.flatMap(({ path, text }) => pathsIn(text).map((file) => ({ path, file })))
    expect(named.length).toBeGreaterThan(50)
    expect(named.filter(({ file }) => !exists(file))).toEqual([])
  })

  test.each(['`core/enrollment/no-such-file.ts`', '`server/no-such-folder/`', '`test/none/*.test.ts`'])(
    '%s does not',
    (text) => {
      expect(pathsIn(text).filter(exists)).toEqual([])
    },
  )
})

/** The relative links of a document that lead nowhere. */
function brokenLinks({ path, text }: TextFile): string[] {
  return linksOf(text).flatMap((target) => {
    if (/^[a-z]+:/.test(target)) return []
    const [file = '', anchor] = target.split('#')
    const to = file === '' ? path : posix.join(dirname(path), file)
    if (!existsSync(join(root, to))) return [`${path}: ${target}`]
    if (anchor === undefined) return []
    const document = file === '' ? text : (documents.find((one) => one.path === to)?.text ?? '')
    return anchorsOf(document).has(anchor) ? [] : [`${path}: ${target}`]
  })
}

/** What looks like a path of this repository in inline code. */
function pathsIn(markdown: string): string[] {
  return inlineCodeOf(markdown).filter((code) =>
    /^(core|embedded|routers|server|enterprise|examples|bench|test|docs|testing|build)\/[\w./*{},-]*$/.test(code),
  )
}

function exists(path: string): boolean {
  return path.includes('*') ? globSync(path, { cwd: root }).length > 0 : existsSync(join(root, path))
}
