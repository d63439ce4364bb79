import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { neutralise } from '../../../../core/bulk/csv/cell.ts'
import { resultCsv, type ResultLine } from '../../../../core/bulk/csv/result-file.ts'
import { readWhole } from './reading.ts'

async function written(header: string[], lines: ResultLine[]): Promise<string> {
  return (await Array.fromAsync(resultCsv(header, [lines]))).join('')
}

const FAILED = { code: 'courseFull', message: 'All 5 seats, of “x” are taken.' }
/** What a file can say: a leading apostrophe before what a spreadsheet would run is none of the cell. */
const cell = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom(...`'"=+-@,;\t\r\n a`.split('')) }))
  .filter((text) => !/^'[=+\-@\t]/.test(text))

test('any cell text is read again as it was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 1 }), async (rows) => {
      const lines = rows.map((original) => ({ original: ['x', ...original], ...FAILED }))
      const header = ['username', 'course_id', 'reason', 'other']
      const text = await written(header, lines)
      const again = await readWhole([Buffer.from(text)])
      expect(again.header).toEqual(header)
      expect(again.records.map(({ original }) => original)).toEqual(lines.map(({ original }) => original))
      // And the same again, for ever.
      expect(
        await written(
          again.header,
          again.records.map(({ original }) => ({ original, ...FAILED })),
        ),
      ).toBe(text)
    }),
  )
})

test('another reader sees the same cells, of which a spreadsheet runs none', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cell, cell), { minLength: 1 }), async (rows) => {
      const text = await written(
        ['a', 'b'],
        rows.map((original) => ({ original, outcome: 'created' })),
      )
      const cells: string[][] = parse(text, { record_delimiter: '\n' })
      expect(cells.slice(1)).toEqual(rows.map(([a, b]) => [neutralise(a), neutralise(b), 'created', '', '']))
      expect(cells.flat().filter((each) => /^[=+\-@\t]/.test(each))).toEqual([])
    }),
  )
})

test('failed lines can be corrected and sent again: the three columns of the results are not read', async () => {
  const text = await written(['username', 'course_id'], [{ original: ['alice', 'x'], ...FAILED }])
  expect(text).toBe('username,course_id,outcome,code,message\nalice,x,,courseFull,"All 5 seats, of “x” are taken."\n')
  expect(await readWhole([text])).toEqual({
    header: ['username', 'course_id'],
    warnings: [],
    records: [{ line: 2, original: ['alice', 'x'], item: { username: 'alice', courseId: 'x' } }],
  })
})

test('a line with too many cells keeps them in its last, one with too few is filled up', async () => {
  const text = await written(
    ['username', 'course_id'],
    [
      { original: ['a', 'x', 'y'], ...FAILED },
      { original: ['b'], ...FAILED },
    ],
  )
  expect((await readWhole([text])).records.map(({ original }) => original)).toEqual([
    ['a', 'x,y'],
    ['b', ''],
  ])
})
