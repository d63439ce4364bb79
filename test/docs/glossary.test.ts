import { describe, expect, test } from 'vitest'
import { readFiles, type TextFile } from './files.ts'

/** Words that are not in names, by the words of a name (`carryOutWhole`: carry, out, whole), and what to say instead. */
const words: readonly { readonly word: string; readonly instead: string; readonly except?: RegExp }[] = [
  { word: 'tenant', instead: 'extension: a tenant is a customer to everyone else' },
  { word: 'house', instead: 'core' },
  { word: 'door', instead: 'API or listener' },
  { word: 'stamp', instead: 'callMetadata, metadata', except: /timestamp/i },
  { word: 'asked', instead: 'batchItem, items' },
  { word: 'carry out', instead: 'run, enroll, apply: what it does' },
  { word: 'settle', instead: 'toResults', except: /allSettled/ },
  { word: 'standing', instead: 'existing state' },
  { word: 'standings', instead: 'existing state' },
  { word: 'fate', instead: 'resolution' },
  { word: 'lane', instead: 'batcher' },
  { word: 'gather', instead: 'coalesce' },
  { word: 'gathered', instead: 'coalesced' },
  { word: 'gathering', instead: 'coalescing' },
  { word: 'tie', instead: 'serialization conflict, retryOnSerializationFailure' },
  { word: 'undoable', instead: 'withSavepoint' },
  { word: 'accompany', instead: 'attributes and allowances' },
  { word: 'paid', instead: 'funded enrollment', except: /paid-(executive|bootcamp)/ },
  { word: 'take in', instead: 'apply events' },
  { word: 'remembered', instead: 'memoize' },
  { word: 'wish', instead: 'requested …' },
]

/** Folders whose names are ours to choose. The words of tests are their sentences; their files are named all the same. */
const source = readFiles('{core,embedded,routers,server,enterprise}/**/*.ts')
const paths = readFiles('{core,embedded,routers,server,enterprise,examples,bench,test}/**/*.ts').map(({ path }) => path)

describe('the glossary', () => {
  const [glossary] = readFiles('docs/glossary.md')

  test('fits on one page and says each word once', () => {
    const entries = [...(glossary?.text ?? '').matchAll(/^\| ([^|]+) \|/gm)].flatMap(
      ([, cell]) => cell?.split(', ') ?? [],
    )
    const own = entries.filter((entry) => entry !== 'word' && !entry.startsWith('-'))
    expect(own.length).toBeGreaterThan(40)
    expect(own).toEqual([...new Set(own)])
    expect(glossary?.text.split('\n').length).toBeLessThan(100)
  })
})

describe('words that mean something else to people from this field', () => {
  test('are in no exported name', () => {
    expect(source.flatMap(oldNamesIn)).toEqual([])
  })

  test('are in no name of a file or folder', () => {
    expect(paths.filter((path) => wordsIn(path).some(isOld))).toEqual([])
  })

  test.each([
    'export function carryOut(): void {}',
    'export async function carryOutWhole() {}',
    'export interface DoorRequest {}',
    'export const openTenantDoor = 1',
    'export type Asked = string',
    'export class Tie extends Error {}',
    'export { enroll as settle } from "./x.ts"',
    'export { type TakeIn }',
  ])('“%s” has one', (text) => {
    expect(oldNamesIn({ path: 'core/x.ts', text })).not.toEqual([])
  })

  test.each([
    'export function enroll(): void {}',
    'export const timestamp = 1',
    'export interface BatchItem {}',
    'export function outdoor() {}',
    'export { settle as enroll } from "./x.ts"',
  ])('“%s” has none', (text) => {
    expect(oldNamesIn({ path: 'core/x.ts', text })).toEqual([])
  })
})

/** The exported names of a file that have an old word, with what to say instead. */
function oldNamesIn({ path, text }: TextFile): string[] {
  return exportedNames(text).flatMap((name) =>
    words
      .filter(
        ({ word, except }) => wordsIn(name).some((spelled) => hasWord(spelled, word)) && except?.test(name) !== true,
      )
      .map(({ instead }) => `${path}: ${name} (say ${instead})`),
  )
}

function exportedNames(text: string): string[] {
  const declared = /^export (?:declare |async |abstract )*(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm
  const listed = /^export (?:type )?\{([^}]*)\}/gm
  const names = [...text.matchAll(listed)].flatMap(([, list]) =>
    (list ?? '').split(',').flatMap((entry) => /(\w+)\s*$/.exec(entry)?.[1] ?? []),
  )
  return [...[...text.matchAll(declared)].flatMap(([, name]) => name ?? []), ...names]
}

/** A name as words: `carryOutWhole` is `carry out whole`; of a path each part. */
function wordsIn(name: string): string[] {
  return name.split('/').map((part) =>
    part
      .replace(/(\.test|\.property\.test)?\.ts$/, '')
      .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
      .replaceAll(/[-_.]/g, ' ')
      .toLowerCase(),
  )
}

function isOld(spelled: string): boolean {
  return words.some(({ word }) => hasWord(spelled, word))
}

function hasWord(spelled: string, word: string): boolean {
  return ` ${spelled} `.includes(` ${word} `)
}
