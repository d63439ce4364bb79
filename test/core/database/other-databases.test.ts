import { randomBytes } from 'node:crypto'
import { describe, expect, inject, test } from 'vitest'
import { openDatabase, type Database } from '../../../core/database/open.ts'
import { idsOfCoursesLike } from '../../../core/enrollment/search.ts'
import { migrateAll } from '../../../server/migrations.ts'
import { callerOf } from '../../routers/calls.ts'
import { runStatement } from '../../support/statement.ts'
import { addAllowance, addCourse, addLearner } from '../../support/seed.ts'

// Our own pool does the same on a database of any locale and with any settings.

const { connectionString: server } = inject('server')

const SETTINGS = [
  `datestyle = 'German'`,
  `timezone = 'America/St_Johns'`,
  `intervalstyle = 'sql_standard'`,
  `bytea_output = 'escape'`,
  'extra_float_digits = -15',
  'standard_conforming_strings = off',
  `default_transaction_isolation = 'serializable'`,
  `client_min_messages = 'error'`,
  'lock_timeout = 1',
  'jit = on',
  'jit_above_cost = 0',
  'row_security = off',
]

describe.each([
  ['settings of every kind', '', SETTINGS],
  ['the locale C', `locale 'C'`, []],
  ['a Turkish locale', `locale_provider icu icu_locale 'tr-TR' locale 'C'`, []],
])('on a database with %s', (_, options, settings) => {
  test('migrations, seats by e-mail, allowances, search and instants work', async () => {
    await using db = await openFresh(options, settings)
    const courseId = await addCourse(db, {
      course_key: 'course-v1:ITU+INFO+1900',
      starts: '1900-01-01T00:00:00.000001Z',
    })
    await addLearner(db, { username: 'I', email: 'INFO@ITU.example' })
    await addLearner(db, { username: 'i', email: 'ışık@itu.example' })
    await addAllowance(db, 'info@itu.example', courseId)
    const { enrollment, course } = callerOf(db)
    expect(await enrollment.enroll({ email: 'info@itu.example', courseId })).toMatchObject({ kind: 'created' })
    expect(await enrollment.enroll({ username: 'i', courseId })).toMatchObject({ kind: 'created' })
    const found = await enrollment.search({ emails: ['Info@itu.EXAMPLE'] })
    expect(found.items.map(({ username }) => username)).toEqual(['I'])
    expect((await course.get({ courseId })).start).toBe('1900-01-01T00:00:00.000001Z')
    expect(await idsOfCoursesLike(db, ['itu+info'])).toHaveLength(1)
    expect(await idsOfCoursesLike(db, ['ıtu'])).toHaveLength(0)
  })
})

async function openFresh(options: string, settings: readonly string[]): Promise<Database> {
  const name = `other_${randomBytes(5).toString('hex')}`
  await runStatement(server, `create database ${name} encoding 'UTF8' template template0 ${options}`)
  for (const setting of settings) await runStatement(server, `alter database ${name} set ${setting}`)
  const url = new URL(server)
  url.pathname = name
  const db = openDatabase({ connectionString: url.href })
  await migrateAll(db)
  return db
}
