import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LONGEST_LINE, splitLines } from '../../../core/import-export/split.ts'
import { pieces } from '../../support/transfer.ts'

async function split(source: AsyncIterable<Uint8Array | string>) {
  return (await Array.fromAsync(splitLines(source))).flat()
}

async function* bytes(...parts: (string | number[])[]) {
  for (const part of parts) yield Buffer.from(part as string)
}

describe('splitting a file into lines', () => {
  test('lines are numbered from 1, blank ones counted but left out', async () => {
    expect(await split(bytes('a\n\n  \r\nb\r\nc'))).toEqual([
      { number: 1, text: 'a' },
      { number: 4, text: 'b\r' },
      { number: 5, text: 'c' },
    ])
  })

  test('an empty file has none', async () => {
    expect(await split(bytes(''))).toEqual([])
    expect(await split(bytes('\n\n'))).toEqual([])
  })

  test('a byte order mark is no part of the first line', async () => {
    expect(await split(bytes('\uFEFFa\n\uFEFFb\n'))).toEqual([
      { number: 1, text: 'a' },
      { number: 2, text: '\uFEFFb' },
    ])
  })

  test('a line that is not UTF-8 spoils no other', async () => {
    expect(await split(bytes('a\n', [0xff, 0x41, 10], 'ü\n', [0xc3]))).toEqual([
      { number: 1, text: 'a' },
      { number: 2, text: null, reason: 'not UTF-8' },
      { number: 3, text: 'ü' },
      { number: 4, text: null, reason: 'not UTF-8' },
    ])
  })

  test('a line of more than 1 MiB is bad and is not collected', async () => {
    const long = 'x'.repeat(LONGEST_LINE + 1)
    const bad = { text: null, reason: 'longer than 1 MiB' }
    expect(await split(pieces(`a\n${long}\nb\n${long}${long}\nc`, 65_536))).toEqual([
      { number: 1, text: 'a' },
      { number: 2, ...bad },
      { number: 3, text: 'b' },
      { number: 4, ...bad },
      { number: 5, text: 'c' },
    ])
    expect(await split(pieces(long, 65_536))).toEqual([{ number: 1, ...bad }])
  })

  test('the lines are the same wherever the file is cut', async () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\n\uFEFF]/g, ''))
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 20 }), async (lines, size) => {
        const expected = lines.flatMap((text, index) => (text.trim() === '' ? [] : [{ number: index + 1, text }]))
        expect(await split(pieces(lines.join('\n'), size))).toEqual(expected)
      }),
    )
  })
})
