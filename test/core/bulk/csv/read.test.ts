import { describe, expect, test } from 'vitest'
import { CsvRefusal } from '../../../../core/bulk/csv/refusal.ts'
import { itemsOf, readWhole } from './reading.ts'

const RUN = 'course-v1:edX+DemoX+2026'
const PLAIN = `username,course_id,mode\nalice,${RUN},verified\n`
const ALICE = { line: 2, username: 'alice', courseId: RUN, mode: 'verified' }

function utf16(text: string, endian: 'le' | 'be'): Buffer {
  const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le')
  return endian === 'be' ? bytes.swap16() : bytes
}

describe('a file is read as it is written', () => {
  test.each<[string, Uint8Array | string]>([
    ['UTF-8', Buffer.from(PLAIN)],
    ['UTF-8 with a byte order mark', Buffer.from(`\uFEFF${PLAIN}`)],
    ['UTF-16 LE with a byte order mark', utf16(PLAIN, 'le')],
    ['UTF-16 BE with a byte order mark', utf16(PLAIN, 'be')],
    ['text', PLAIN],
    ['text with a byte order mark', `\uFEFF${PLAIN}`],
    ['with semicolons', PLAIN.replaceAll(',', ';')],
    ['with tabs', PLAIN.replaceAll(',', '\t')],
    ['with CRLF', PLAIN.replaceAll('\n', '\r\n')],
    ['with CR alone', PLAIN.replaceAll('\n', '\r')],
    ['without a line end at its end', PLAIN.trimEnd()],
    ['with every cell in quotes', `"username","course_id","mode"\n"alice","${RUN}","verified"\n`],
    ['with spaces around cells', ` username , course_id,mode\nalice ,${RUN}, verified\n`],
    ['with names in any case and spaces', `USERNAME,Course ID,Mode\nalice,${RUN},verified\n`],
    ['as upstream has it', `user,course_id,mode\nalice,${RUN},verified\n`],
    ['with rows of nothing but delimiters', `${PLAIN},,\n`],
  ])('%s', async (_, file) => {
    expect(await itemsOf(file)).toEqual([ALICE])
  })

  test('cut anywhere, and byte by byte', async () => {
    const file = Buffer.from(`\uFEFFusername;course_id;reason\r\nålice;${RUN};"a;""b""\r\n😀"\r\n`)
    const whole = await readWhole([file])
    expect(whole.records).toMatchObject([{ item: { username: 'ålice', reason: 'a;"b"\r\n😀' } }])
    for (let at = 0; at <= file.length; at += 1) {
      expect(await readWhole([file.subarray(0, at), file.subarray(at)])).toEqual(whole)
    }
    expect(await readWhole([...file].map((byte) => Buffer.of(byte)))).toEqual(whole)
  })

  test('records that are longer than a piece are put together', async () => {
    const reason = 'x'.repeat(1999)
    const row = `alice,${RUN},"${reason}\n"\n`
    const file = Buffer.from(`username,course_id,reason\n${row.repeat(500)}`)
    const pieces = Array.from({ length: Math.ceil(file.length / 70_000) }, (_, i) =>
      file.subarray(i * 70_000, (i + 1) * 70_000),
    )
    const { records } = await readWhole(pieces)
    expect(records).toHaveLength(500)
    expect(records.map(({ line }) => line)).toEqual(records.map((_, index) => 2 + index * 2))
    expect(records.every((record) => 'item' in record && record.item.reason === reason)).toBe(true)
  })

  test('a ref comes back with its line, also where that fails', async () => {
    const { records } = await readWhole(['username,course_id,ref\nalice,x, r1\n,x,r2\ncarol,x,\n'])
    expect(records.map((record) => record.ref)).toEqual(['r1', 'r2', undefined])
  })

  test('every column', async () => {
    const header =
      'email,course_id,mode,is_active,cohort,enterprise_uuid,reason,ref,attribute:credit:provider_id,Attribute:a:B:c'
    expect(await itemsOf(`${header}\na@x.org,${RUN},credit,no,blue,u-1,why,r1,hogwarts,v\n`)).toEqual([
      {
        line: 2,
        email: 'a@x.org',
        courseId: RUN,
        mode: 'credit',
        isActive: false,
        cohort: 'blue',
        enterpriseUuid: 'u-1',
        reason: 'why',
        attributes: [
          { namespace: 'credit', name: 'provider_id', value: 'hogwarts' },
          { namespace: 'a', name: 'B:c', value: 'v' },
        ],
      },
    ])
  })

  test.each([
    ['true', true],
    ['TRUE', true],
    ['1', true],
    ['Yes', true],
    ['', true],
    ['false', false],
    ['0', false],
    ['NO', false],
  ])('is_active “%s” is %s', async (cell, isActive) => {
    expect(await itemsOf(`user_id,course_id,is_active\n7,${RUN},${cell}\n`)).toEqual([
      { line: 2, userId: '7', courseId: RUN, isActive },
    ])
  })

  test('of several names of a learner the first that is filled counts, and a warning says so', async () => {
    const { records, warnings } = await readWhole([`email,username,course_id\na@x.org,alice,${RUN}\nb@x.org,,${RUN}\n`])
    expect(records).toMatchObject([{ item: { username: 'alice' } }, { item: { email: 'b@x.org' } }])
    expect(warnings).toEqual([expect.stringContaining('username, email')])
  })

  test.each([`alice\nbob@x.org\n\n carol\n`, `﻿alice\r\nbob@x.org\r\n\r\ncarol`])(
    'a list of learners, with its course run',
    async (list) => {
      expect(await itemsOf(list, { course: RUN })).toEqual([
        { line: 1, username: 'alice', courseId: RUN },
        { line: 2, email: 'bob@x.org', courseId: RUN },
        { line: 4, username: 'carol', courseId: RUN },
      ])
    },
  )

  test('a course run beside the file counts for lines that name none', async () => {
    expect(await itemsOf(`username,course_id\nalice,\nbob,other\n`, { course: RUN })).toMatchObject([
      { courseId: RUN },
      { courseId: 'other' },
    ])
    expect(await itemsOf(`username\nalice\n`, { course: RUN })).toEqual([{ line: 2, username: 'alice', courseId: RUN }])
  })

  test('unknown columns are reported once, and left out', async () => {
    const { records, warnings, header } = await readWhole([
      `username,Grade,course_id,x\nalice,A,${RUN},1\nbob,B,${RUN},2\n`,
    ])
    expect(warnings).toEqual(['Columns that are not known and were left out: “Grade”, “x”.'])
    expect(header).toEqual(['username', 'Grade', 'course_id', 'x'])
    expect(records).toEqual([
      { line: 2, original: ['alice', 'A', RUN, '1'], item: { username: 'alice', courseId: RUN } },
      { line: 3, original: ['bob', 'B', RUN, '2'], item: { username: 'bob', courseId: RUN } },
    ])
  })

  test('a leading apostrophe is dropped before what a spreadsheet would run, and only there', async () => {
    const { records } = await readWhole([`username,course_id,reason\n'=a,'x,'+1\n''=a,x,'\n-b,x,'\t\n`])
    expect(records.map(({ original }) => original)).toEqual([
      ['=a', "'x", '+1'],
      ["''=a", 'x', "'"],
      ['-b', 'x', '\t'],
    ])
  })

  test('a quote within a cell that begins with none is a quote', async () => {
    expect(await itemsOf(`username,course_id,reason\nalice,${RUN},5" disk and "that"\n`)).toMatchObject([
      { reason: '5" disk and "that"' },
    ])
  })

  test('a header alone has no lines', async () => {
    expect(await itemsOf('username,course_id\n')).toEqual([])
  })
})

describe('a bad line fails alone, with its physical line', () => {
  test.each([
    ['too many cells', 'bob,x,honor,more', 'The line has 4 cells, the header 3.'],
    ['too few cells', 'bob,x', 'The line has 2 cells, the header 3.'],
    ['one cell', 'bob', 'The line has 1 cell, the header 3.'],
    [
      'text behind a quote',
      '"bob"by,x,honor',
      'There is text behind a closing quote. A quote within a cell is written twice.',
    ],
    ['a NUL character', 'b\0ob,x,honor', 'username: Text must not contain NUL characters or lone surrogates'],
    ['half of a surrogate pair', 'bob,x,\uD800', 'mode: Text must not contain NUL characters or lone surrogates'],
    ['nobody', ',x,honor', 'The line names no learner.'],
    ['no course run', 'bob,,honor', 'The line names no course run: course_id is empty.'],
  ])('%s', async (_, row, error) => {
    const file = `username,course_id,mode\n\n"al\nice",x,audit\n${row}\ncarol,x,audit\n`
    expect(await itemsOf(file)).toMatchObject([
      { line: 3, username: 'al\nice' },
      { line: 5, error },
      { line: 6, username: 'carol' },
    ])
  })

  test.each([
    ['is_active', 'maybe', 'is_active: “maybe” is none of true, false, 1, 0, yes, no'],
    ['reason', 'x'.repeat(2001), expect.stringMatching(/^reason: Too big/)],
    ['ref', 'x'.repeat(256), expect.stringMatching(/^ref: Too big/)],
    ['attribute:a:b', 'x'.repeat(256), expect.stringMatching(/^attribute:a:b: Too big/)],
  ])('%s', async (column, cell, error) => {
    expect(await itemsOf(`username,course_id,${column}\nalice,x,${cell}\nbob,x,\n`)).toMatchObject([
      { line: 2, error },
      { line: 3, username: 'bob' },
    ])
  })

  test('a change that changes nothing', async () => {
    const file = 'username,course_id,mode\nalice,x,\nbob,x,honor\n'
    expect(await itemsOf(file, { action: 'change' })).toMatchObject([
      { error: expect.stringContaining('changes nothing') },
      { mode: 'honor' },
    ])
  })
})

describe('what is no such file is refused before anything is done', () => {
  const endless = function* () {
    yield 'username,course_id\nalice,"'
    for (let i = 0; i < 100; i += 1) yield 'x'.repeat(1_048_576)
  }
  test.each<[string, Iterable<Uint8Array | string>, string | RegExp]>([
    ['nothing', [], 'The file is empty.'],
    ['blank lines', ['\n \r\n\n'], 'The file is empty.'],
    ['no learner', ['name,course_id\n'], /No column names the learner.*Found: “name”, “course_id”\./],
    ['no course run', ['username,mode\nalice,honor\n'], /course_id is missing.*Found: “username”, “mode”\./],
    ['a list without its course run', ['alice\nbob\n'], /Found: “alice”.*--course/],
    ['a column twice', ['username,course_id,Course ID\n'], /“Course ID” is there more than once/],
    ['an attribute twice', ['username,course_id,attribute:a:b,attribute:a:b\n'], /more than once/],
    ['latin1', [Buffer.from(`username,course_id\nJos\u00e9,x\n`, 'latin1')], /byte 23 is 0xE9/],
    [
      'latin1 in a later piece',
      [Buffer.from('username,course_id\n'), Buffer.from('Jos\u00e9,x\n', 'latin1')],
      /byte 23 is 0xE9/,
    ],
    ['UTF-8 that is cut off', [Buffer.from('username,course_id\nJos\u00e9').subarray(0, -1)], /byte 23 is 0xC3/],
    ['UTF-16 without a mark', [Buffer.from('username,course_id\n', 'utf16le')], /UTF-16 without a byte order mark/],
    ['UTF-16 that is cut off', [utf16(PLAIN, 'le').subarray(0, -1)], /ends within a character/],
    ['a workbook', [Buffer.from('PK\u0003\u0004 and more')], /workbook/],
    [
      'a quote that is not closed',
      [`username,course_id\nalice,x\n"bob,x\ncarol,x\n`],
      /^Line 3: A quote .* is not closed/,
    ],
    ['a record without end', endless(), /^Line 2: .*longer than 1 MiB/],
    ['a header without end', [`username,course_id${'x'.repeat(2_000_000)}`], /^Line 1: .*longer than 1 MiB/],
  ])('%s', async (_, pieces, message) => {
    const refused = readWhole(pieces)
    await expect(refused).rejects.toThrow(CsvRefusal)
    await expect(refused).rejects.toThrow(message)
  })
})
