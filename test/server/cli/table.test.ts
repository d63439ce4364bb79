import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { hanging, paint, rowsOf, tableOf, type Column } from '../../../server/cli/table.ts'

interface Row {
  name: string
  count: number
  note: string
}

const COLUMNS: Column<Row>[] = [
  { head: 'NAME', of: ({ name }) => name },
  { head: 'COUNT', of: ({ count }) => String(count), isRight: true },
  { head: 'NOTE', of: ({ note }) => note },
]
const ROWS: Row[] = [
  { name: 'alice', count: 1, note: 'a gift' },
  { name: 'bo', count: 1_000, note: '' },
]

const pipe = new PassThrough()

describe('a table', () => {
  test('has rows only in a pipe, in columns', () => {
    expect(tableOf(pipe, ROWS, COLUMNS)).toBe('alice     1  a gift\nbo     1000\n')
  })

  test('has headings on a terminal', () => {
    expect(tableOf(terminal(80), ROWS, COLUMNS)).toMatch(/NAME {3}COUNT {2}NOTE/)
    expect(rowsOf(terminal(80), ROWS, COLUMNS)).not.toContain('NAME')
  })

  test.each([30, 40, 80])('is never wider than a terminal of %i columns, and loses nothing', (columns) => {
    const note = 'ticket 4711, batch 00000000-0000, and then some more words'
    const text = rowsOf(terminal(columns), [{ name: 'alice', count: 1, note }], COLUMNS)
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
    expect(text.split(/\s+/).filter(Boolean)).toEqual(['alice', '1', ...note.split(' ')])
  })

  test('has each column in one place on a terminal that is too narrow for a row on one line', () => {
    const note = 'one two three four five six'
    const text = stripVTControlCharacters(tableOf(terminal(30), [...ROWS, { name: 'carol', count: 20, note }], COLUMNS))
    expect(text.split('\n')).toEqual([
      'NAME   COUNT',
      '  NOTE',
      'alice      1',
      '  a gift',
      'bo      1000',
      'carol     20',
      '  one two three four five six',
      '',
    ])
  })

  test('wraps its last column alone where there is space beside the others', () => {
    const rows = [{ name: 'carol', count: 20, note: 'one two three four five six' }, ...ROWS]
    expect(rowsOf(terminal(34), rows, COLUMNS).split('\n')).toEqual([
      'carol    20  one two three four',
      '             five six',
      'alice     1  a gift',
      'bo     1000',
      '',
    ])
  })

  test('shows what could steer the terminal', () => {
    expect(rowsOf(pipe, [{ name: 'a\u001B[31m\nb', count: 1, note: '' }], COLUMNS)).toBe(
      String.raw`a\u001b[31m\u000ab  1` + '\n',
    )
  })
})

test('a text goes on below itself on a terminal, and stays one line in a pipe', () => {
  expect(hanging(terminal(30), 'ok  ', 'one two three four five six seven')).toBe(
    'ok  one two three four five\n    six seven\n',
  )
  expect(hanging(pipe, 'ok  ', 'one two three four five six seven')).toBe('ok  one two three four five six seven\n')
})

test('a pipe has no colours', () => {
  expect(paint(pipe, 'red', 'no')).toBe('no')
})

function terminal(columns: number): PassThrough & { isTTY: true; columns: number } {
  return Object.assign(new PassThrough(), { isTTY: true as const, columns })
}
