import { describe, expect, test } from 'vitest'
import { OPENEDX_TYPES, type OpenedxEnrollment } from '../../../core/event/openedx.ts'
import { enrollmentFeed } from '../../../server/event-bus/enrollment-feed.ts'
import { entryWriter } from '../../../server/event-bus/entry.ts'
import { decodeEnrollment } from '../../support/avro.ts'

const { changed, created, unenrolled } = OPENEDX_TYPES
const write = entryWriter(enrollmentFeed.types, 'host-1')

const SHORT: OpenedxEnrollment = {
  user: { id: 1, is_active: true, pii: { username: 'a', email: '', name: '' } },
  course: { course_key: 'c', display_name: '', start: null, end: null },
  mode: 'audit',
  is_active: false,
  creation_date: 'd',
  created_by: null,
}

const LONG: OpenedxEnrollment = {
  user: { id: 2_147_483_647, is_active: false, pii: { username: 'bob', email: 'bob@x.io', name: 'Bób 🙂' } },
  course: {
    course_key: 'course-v1:edX+DemoX+2026',
    display_name: 'ж'.repeat(300),
    start: '2026-01-01T00:00:00+00:00',
    end: '2026-12-31T23:59:59.500000+00:00',
  },
  mode: 'verified',
  is_active: true,
  creation_date: '2026-02-03T04:05:06.000007+00:00',
  created_by: { id: 64, is_active: true, pii: { username: 'staff', email: '', name: 'Staff' } },
}

test('an entry is a flat map of what the consumers of the platform look for', () => {
  expect(fieldsOf({ type: created, at: '2026-03-04T05:06:07.089Z' })).toEqual({
    type: created,
    id: '532726d0-1d93-5d2c-b35f-d06d8a51895d',
    source: 'openedx/enrollment-service/web',
    time: '2026-03-04T05:06:07.089000+00:00',
    minorversion: '0',
    sourcehost: 'host-1',
    sourcelib: '10.5.0',
    event_data: expect.any(Buffer),
  })
})

test.each([
  ['2026-03-04T05:06:07Z', '2026-03-04T05:06:07.000000+00:00'],
  ['2026-03-04T05:06:07.000001Z', '2026-03-04T05:06:07.000001+00:00'],
])('the time always has its microseconds: %s', (at, time) => {
  expect(fieldsOf({ at })['time']).toBe(time)
})

test('the id is that of the change and the type, and no other', () => {
  const ids = [changed, created, unenrolled].flatMap((type) => ['1', '2'].map((id) => fieldsOf({ type, id })['id']))
  expect(new Set(ids).size).toBe(6)
  expect(fieldsOf({ type: changed, id: '1', at: '2027-01-01T00:00:00Z', data: LONG })['id']).toBe(ids[0])
})

describe('the data', () => {
  test('is what Avro says byte by byte: numbers, flags, texts with their lengths, branches of unions', () => {
    const bytes = [2, 1, 2, 0x61, 0, 0, 2, 0x63, 0, 0, 0, 10, 0x61, 0x75, 0x64, 0x69, 0x74, 0, 2, 0x64, 0]
    expect(fieldsOf({ data: SHORT })['event_data']).toEqual(Buffer.from(bytes))
  })

  test.each([changed, created, unenrolled])('has one layout for every type: %s', (type) => {
    expect(fieldsOf({ type, data: LONG })['event_data']).toEqual(fieldsOf({ data: LONG })['event_data'])
  })

  test.each([
    ['short', SHORT],
    ['long', LONG],
  ])('is read by a decoder that knows only the order of the fields: %s', (_, data) => {
    expect(decodeEnrollment(bytesOf(data))).toEqual(data)
  })

  test('is refused where it does not fit: nothing is sent that nobody can read', () => {
    const wrong = { ...SHORT, mode: null as unknown as string } // What no type allows.
    expect(() => fieldsOf({ data: wrong })).toThrow('invalid "string"')
  })
})

test('a type without a schema is refused', () => {
  expect(() => fieldsOf({ type: 'org.openedx.other.v1' })).toThrow("no schema for 'org.openedx.other.v1'")
})

function fieldsOf({
  id = '1',
  type = changed,
  at = '2026-03-04T05:06:07Z',
  data = SHORT,
}: {
  id?: string
  type?: string
  at?: string
  data?: OpenedxEnrollment
}): Record<string, unknown> {
  const flat = write({ id, cursor: '1-1', type, at, data: { enrollment: data } })
  const pairs = flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), flat[index + 1]]] : []))
  return Object.fromEntries(pairs)
}

function bytesOf(data: OpenedxEnrollment): Buffer {
  const bytes = fieldsOf({ data })['event_data']
  if (!Buffer.isBuffer(bytes)) throw new Error('The data is bytes')
  return bytes
}
