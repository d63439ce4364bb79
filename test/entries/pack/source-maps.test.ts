import { SourceMap } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mapLines } from '../../../entries/pack/source-maps.ts'

test.each([
  ['', ''],
  [';;', ';;'],
  ['AAAA', 'AAAA'],
  ['AACA,OAAO;AAEP', 'AACA;AAEA'],
  ['A;AAAA', ';AAAA'],
])('%j becomes %j', (mappings, lines) => expect(mapLines(mappings, 'a;\na;\na;')).toBe(lines))

test('an import, or a line that only closes others, has no place', () => {
  expect(mapLines('AAAA;AACA;AACA;AACA;AACA', `import 'b';\nif (a) {\n\tb({\n\t});\n}`)).toBe(';AACA;AACA;;')
})

const place = fc.record({ line: fc.nat(5_000), column: fc.nat(300) })

test('every line leads to the line that it came from, as before', () => {
  fc.assert(
    fc.property(fc.array(fc.array(place, { maxLength: 4 }), { maxLength: 30 }), (lines) => {
      const mappings = encoded(lines)
      const short = mapLines(mappings, lines.map(() => 'a').join('\n'))
      const [whole, kept] = [mapOf(mappings), mapOf(short)]
      for (const line of lines.keys()) {
        if (lines[line]?.length === 0) continue
        expect(originOf(kept, line)).toEqual(originOf(whole, line))
      }
      expect(short.split(',')).toHaveLength(1)
    }),
  )
})

function mapOf(mappings: string): SourceMap {
  return new SourceMap({
    version: 3,
    file: 'a.js',
    sources: ['a.ts'],
    sourceRoot: '',
    names: [],
    sourcesContent: [],
    mappings,
  })
}

function originOf(map: SourceMap, line: number): unknown {
  const entry = map.findEntry(line, 0)
  return 'originalLine' in entry ? entry.originalLine : null
}

/** Ten columns of the module for each word. */
function encoded(lines: readonly (readonly { line: number; column: number }[])[]): string {
  let [row, column] = [0, 0]
  return lines
    .map((words) =>
      words
        .map((word, index) => {
          const numbers = [index === 0 ? 0 : 10, 0, word.line - row, word.column - column]
          row = word.line
          column = word.column
          return numbers.map(digits).join('')
        })
        .join(','),
    )
    .join(';')
}

function digits(number: number): string {
  const all = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const bits = Math.abs(number) * 2 + (number < 0 ? 1 : 0)
  const groups = bits.toString(32).split('').toReversed()
  return groups.map((group, index) => all[Number.parseInt(group, 32) + (index < groups.length - 1 ? 32 : 0)]).join('')
}
