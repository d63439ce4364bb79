import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openDoor, type Door, type RestClient } from '../../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../../support/seed.ts'
import { addEnrollment } from '../../../../support/world.ts'

let door: Door
let staff: SeededLearner
let bob: SeededLearner
let course: string

beforeAll(async () => {
  door = await openDoor()
  staff = await addLearner(door.db, { is_staff: true })
  course = await addCourse(door.db, { modes: ['audit', 'verified'] })
})
beforeEach(async () => void (bob = await addLearner(door.db)))
afterAll(() => door[Symbol.asyncDispose]())

/** The audit lines that a POST for Bob left. */
async function lines(client: RestClient, body: object, id = course): Promise<string[]> {
  const before = door.log.length
  await client.post({ course_details: { course_id: id }, user: bob.username, ...body })
  return door.log.slice(before).filter((line) => line.startsWith('enrollment_change_requested'))
}

function line(actual: string, asked: string, id = course): string {
  const [activation, mode] = actual.split(' ')
  const [requestedActivation, requestedMode] = asked.split(' ')
  return (
    `enrollment_change_requested: actual_activation="${activation}", actual_mode="${mode}", course_id="${id}", ` +
    `requested_activation="${requestedActivation}", requested_mode="${requestedMode}", user_id="${bob.id}"`
  )
}

test('of each change, in the words of the original', async () => {
  expect(await lines(door.server, {})).toEqual([line('True audit', 'None None')])
  expect(await lines(door.server, { mode: 'verified', is_active: true })).toEqual([
    line('True verified', 'True verified'),
  ])
  expect(await lines(door.serverAs(staff), { is_active: false })).toEqual([line('False verified', 'False None')])
  expect(await lines(door.serverAs(bob), { mode: 'audit', cohort: 'none', is_active: true })).toEqual([
    line('True audit', 'True audit'),
  ])
})

test('of what changes nothing', async () => {
  await lines(door.server, {})
  expect(await lines(door.server, {})).toEqual([line('True audit', 'None None')])
})

test('of what is refused from row 9 on, whatever the row', async () => {
  expect(await lines(door.server, { is_active: 'foo' })).toEqual([line('None None', 'foo None')])
  expect(await lines(door.server, { is_active: 1 })).toEqual([line('None None', '1 None')])
  expect(await lines(door.server, { force_enrollment: 'foo' })).toEqual([line('None None', 'None None')])
  expect(await lines(door.server, { enrollment_attributes: [{}] })).toEqual([line('None None', 'None None')])
  expect(await lines(door.server, { mode: 'masters' })).toEqual([line('None None', 'None masters')])
  expect(await lines(door.server, {}, 'some/fake/course')).toEqual([line('None None', 'None None', 'some/fake/course')])
  await addEnrollment(door.db, bob.id, course)
  expect(await lines(door.server, { mode: 'verified', is_active: false })).toEqual([
    line('True audit', 'False verified'),
  ])
})

test('of an attribute without a value: the enrollment was made', async () => {
  expect(await lines(door.server, { enrollment_attributes: [{ namespace: 'a', name: 'b' }] })).toEqual([
    line('True audit', 'None None'),
  ])
})

test('of nothing that is refused before row 9', async () => {
  for (const body of [
    { course_details: {} },
    { user: 'nobody' },
    { user: '', email: 'x@y.z' },
    { mode: 7 },
    { user: 7 },
  ]) {
    expect(await lines(door.server, body)).toEqual([])
  }
  expect(await lines(door.server, {}, 'nonsense')).toEqual([])
  expect(await lines(door.with({ 'x-edx-api-key': 'wrong' }), {})).toEqual([])
})

test('of nobody without a key', async () => {
  expect(await lines(door.as(staff), { mode: 'verified' })).toEqual([])
  expect(await lines(door.as(bob), { is_active: 'foo' })).toEqual([])
})

test('the course is named as the request did', async () => {
  const id = `${course}+branch@draft`
  expect(await lines(door.server, {}, id)).toEqual([line('True audit', 'None None', id)])
})
