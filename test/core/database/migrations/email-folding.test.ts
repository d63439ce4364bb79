import { randomBytes } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import { escapeIdentifier } from 'pg'
import { afterAll, expect, inject, test } from 'vitest'
import * as initial from '../../../../core/database/migrations/0001_initial.ts'
import * as manualEnrollments from '../../../../core/database/migrations/0003_manual_enrollments.ts'
import * as references from '../../../../core/database/migrations/0005_references.ts'
import * as emailFolding from '../../../../core/database/migrations/0008_email_folding.ts'
import { openDatabase, type Database } from '../../../../core/database/open.ts'
import { runStatement } from '../../../support/statement.ts'

const db = await turkishDatabase()
afterAll(() => db.destroy())

test('accounts whose addresses are the same now all stay, and one of them keeps the address', async () => {
  for (const migration of [initial, manualEnrollments, references]) await migration.up(asUnknown(db))
  await sql`insert into learners (username, email, is_active) values
    ('old', 'INFO@x.example', false), ('active', 'info@x.example', true), ('first', 'ς@x.example', true), ('second', 'σ@x.example', true),
    ('kelvin', ${'\u212Aim@x.example'}, true), ('other', 'other@x.example', true), ('none', null, true)`.execute(db)
  await sql`insert into courses (course_key, org) values ('course-v1:A+B+C', 'A')`.execute(db)
  await sql`insert into cohorts (course_id, name) values (1, 'red'), (1, 'blue')`.execute(db)
  await sql`insert into enrollment_allowances (email, course_key, auto_enroll, claimed_by) values
    ('INFO@x.example', 'course-v1:A+B+C', true, null), ('info@x.example', 'course-v1:A+B+C', false, 2),
    ('INFO@x.example', 'course-v1:A+B+D', false, null)`.execute(db)
  await sql`insert into cohort_preassignments (course_id, email, cohort_id) values
    (1, 'INFO@x.example', 1), (1, 'info@x.example', 2)`.execute(db)

  await db.transaction().execute((trx) => emailFolding.up(asUnknown(trx)))

  expect(await rows(`select username || ' ' || coalesce(email, '-') as row from learners order by id`)).toEqual([
    'old -',
    'active info@x.example',
    'first ς@x.example',
    'second -',
    'kelvin \u212Aim@x.example',
    'other other@x.example',
    'none -',
  ])
  expect(
    await rows(`select l.username || ' had ' || d.email || ', kept by ' || k.username as row from displaced_emails d
      join learners l on l.id = d.learner_id join learners k on k.id = d.kept_by order by l.id`),
  ).toEqual(['old had INFO@x.example, kept by active', 'second had σ@x.example, kept by first'])
  expect(
    await rows(`select concat_ws(' ', email, course_key, auto_enroll, claimed_by) as row from enrollment_allowances
      order by id`),
  ).toEqual(['info@x.example course-v1:A+B+C t 2', 'INFO@x.example course-v1:A+B+D f'])
  expect(await rows(`select email || ' ' || cohort_id as row from cohort_preassignments`)).toEqual(['info@x.example 2'])
})

test('from then on the database keeps equal addresses apart from each other, and those that only look alike not', async () => {
  const add = (username: string, email: string) =>
    sql`insert into learners (username, email) values (${username}, ${email})`
  await expect(add('late', 'OTHER@X.EXAMPLE').execute(db)).rejects.toThrow('learners_email_key')
  await add('ascii', 'kim@x.example').execute(db)
  await add('dotless', '\u0131nfo@x.example').execute(db)
})

async function rows(query: string): Promise<string[]> {
  const found = await sql.raw<{ row: string }>(query).execute(db)
  return found.rows.map(({ row }) => row)
}

async function turkishDatabase(): Promise<Database> {
  const { connectionString, template } = inject('server')
  const url = new URL(connectionString)
  url.pathname = `${template}_${randomBytes(6).toString('hex')}`
  const name = escapeIdentifier(url.pathname.slice(1))
  await runStatement(
    connectionString,
    `create database ${name} template template0 encoding 'UTF8' locale 'C' locale_provider icu icu_locale 'tr-TR'`,
  )
  return openDatabase({ connectionString: url.href })
}

/** A migration knows no types of tables. */
function asUnknown(handle: Database): Kysely<unknown> {
  return handle as unknown as Kysely<unknown>
}
