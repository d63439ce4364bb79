import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openDoor, type Door } from '../../../../support/rest.ts'
import { addCourse, addLearner } from '../../../../support/seed.ts'
import { addCohort, cohortOf, enrollmentInWords } from '../../../../support/world.ts'

// Two transactions that get in each other's way are ended by PostgreSQL with one of these errors. Here a trigger on what a
// POST writes last ends it as often as a test wants; the sequence that counts is not rolled back.

let door: Door
beforeAll(async () => {
  door = await openDoor()
  await sql`create sequence attempts`.execute(door.db)
  await sql`create table losses (code text, attempts integer)`.execute(door.db)
  await sql`insert into losses values ('40001', 0)`.execute(door.db)
  await sql`
    create function lose() returns trigger language plpgsql as $$
    begin
      if nextval('attempts') <= (select l.attempts from losses l) then
        raise exception 'lost' using errcode = (select code from losses);
      end if;
      return new;
    end $$`.execute(door.db)
  for (const table of ['cohort_members', 'email_optins']) {
    await sql`create trigger lose before insert or update on ${sql.table(table)} for each row execute function lose()`.execute(
      door.db,
    )
  }
})
afterAll(() => door[Symbol.asyncDispose]())
beforeEach(async () => void (await sql`alter sequence attempts restart`.execute(door.db)))

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK = '40P01'

test.for([
  ['a cohort', { cohort: 'red' }, SERIALIZATION_FAILURE],
  ['a cohort', { cohort: 'red' }, DEADLOCK],
  ['an opt-in', { email_opt_in: true }, SERIALIZATION_FAILURE],
  ['an opt-in', { email_opt_in: true }, DEADLOCK],
] as const)('a POST with %s begins again when another transaction was faster: %j, %s', async ([, extras, code]) => {
  const { db } = door
  await sql`update losses set code = ${code}, attempts = 2`.execute(db)
  const { bob, course, post } = await arrange()
  expect(await post(extras)).toMatchObject({ status: 200, json: { is_active: true } })
  expect(await enrollmentInWords(db, bob.id, course)).toBe('active audit')
  expect(await cohortOf(db, bob.id, course)).toBe('cohort' in extras ? 'red' : null)
  expect(await attempts()).toBe(3)
})

test('one that loses again and again is 503, and leaves nothing behind', async () => {
  const { db } = door
  await sql`update losses set code = ${SERIALIZATION_FAILURE}, attempts = 1000`.execute(db)
  const { bob, course, post } = await arrange()
  expect(await post({ cohort: 'red' })).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
  expect(await enrollmentInWords(db, bob.id, course)).toBeNull()
  expect(await attempts()).toBe(8)
})

async function arrange() {
  const course = await addCourse(door.db)
  await addCohort(door.db, course, 'red')
  const bob = await addLearner(door.db)
  const post = (extras: object) => door.as(bob).post({ course_details: { course_id: course }, ...extras })
  return { bob, course, post }
}

async function attempts(): Promise<number> {
  const { rows } = await sql<{ last_value: string }>`select last_value from attempts`.execute(door.db)
  return Number(rows[0]?.last_value)
}
