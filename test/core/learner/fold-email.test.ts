// slow: every letter of Unicode
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { escapeIdentifier } from 'pg'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import { foldEmail } from '../../../core/learner/email-address.ts'
import { migrateAll } from '../../../server/migrations.ts'
import { runStatement } from '../../support/statement.ts'

const databases = [
  ['C', await migratedDatabase(`locale 'C' locale_provider libc`)],
  ['Turkish', await migratedDatabase(`locale 'C' locale_provider icu icu_locale 'tr-TR'`)],
] as const
afterAll(() => Promise.all(databases.map(([, db]) => db.destroy())))

test.each([
  ['Bob.O_Brien+x@EXAMPLE.com', 'bob.o_brien+x@example.com'],
  ['INFO@I.example', 'info@i.example'],
  ['ÉLODIE@MÜNCHEN.example', 'élodie@münchen.example'],
  ['ΣΊΣΥΦΟΣ@x.example', 'σίσυφοσ@x.example'],
  ['σίσυφος@x.example', 'σίσυφοσ@x.example'],
  ['STRAẞE@x.example', 'straße@x.example'],
  ['𐐀@x.example', '𐐨@x.example'],
])('%s folds into %s', (address, folded) => expect(foldEmail(address)).toBe(folded))

test.each([
  ['the Kelvin sign and k', '\u212A', 'k'],
  ['a capital I with a dot and i', 'İ', 'i'],
  ['a small i without a dot and i', 'ı', 'i'],
  ['a long s and s', 'ſ', 's'],
  ['ß and ss', 'ß', 'ss'],
])('%s stay apart', (_, one, other) => expect(foldEmail(one)).not.toBe(foldEmail(other)))

test('what is folded folds into itself', () => {
  const everything = codePoints(1, 0x10ffff).join('')
  expect(foldEmail(foldEmail(everything)) === foldEmail(everything)).toBe(true)
})

describe.each(databases)('in a database with the locale %s', (_, db) => {
  test('the database folds every character as we do', async () => {
    const differing: string[] = []
    await Promise.all(blocks().map(async (block) => differing.push(...(await differences(db, block)))))
    expect(differing).toEqual([])
  })

  test('what differs would be found', async () => {
    const { rows } = await sql<{ folded: string }>`select lower('İÉ') as folded`.execute(db)
    expect(rows[0]?.folded).not.toBe(foldEmail('İÉ'))
  })
})

/** Each character alone and all of a block in one text: ASCII alone takes another way. */
async function differences(db: Database, characters: readonly string[]): Promise<string[]> {
  const alone = characters.filter((character) => character < '\u0250')
  const { rows } = await sql<{ text: string; folded: string }>`
    select text, fold_email(text) as folded from unnest(${[...alone, characters.join('')]}::text[]) as text`.execute(db)
  return rows.flatMap(({ text, folded }) => {
    const expected = [...foldEmail(text)]
    return [...folded].flatMap((character, n) => (character === expected[n] ? [] : [`${[...text][n]} → ${character}`]))
  })
}

function blocks(): string[][] {
  return Array.from({ length: 0x110000 / 0x4000 }, (_, n) => codePoints(Math.max(1, n * 0x4000), (n + 1) * 0x4000 - 1))
}

/** PostgreSQL stores neither the code point 0 nor a surrogate. */
function codePoints(first: number, last: number): string[] {
  const codes = Array.from({ length: last - first + 1 }, (_, n) => first + n)
  return codes.filter((code) => code < 0xd800 || code > 0xdfff).map((code) => String.fromCodePoint(code))
}

async function migratedDatabase(options: string): Promise<Database> {
  const { connectionString, template } = inject('server')
  const url = new URL(connectionString)
  url.pathname = `${template}_${randomBytes(6).toString('hex')}`
  const name = escapeIdentifier(url.pathname.slice(1))
  await runStatement(connectionString, `create database ${name} template template0 encoding 'UTF8' ${options}`)
  const db = openDatabase({ connectionString: url.href })
  await migrateAll(db)
  return db
}
