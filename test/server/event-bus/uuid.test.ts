import { expect, test } from 'vitest'
import { uuidV5 } from '../../../server/event-bus/uuid.ts'

const NAMESPACE = '6f1d7a52-6c53-5d2b-9e0a-3a1f0d5c7b11'

// What Python's uuid.uuid5 says.
test.each([
  ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com', '2ed6657d-e927-568b-95e1-2665a8aea6a2'],
  [NAMESPACE, '1:org.openedx.learning.course.enrollment.changed.v1', 'cf5dbf2b-35b9-55cb-bcb0-f8b32dd8e1ec'],
  [NAMESPACE, '1:org.openedx.learning.course.enrollment.created.v1', '532726d0-1d93-5d2c-b35f-d06d8a51895d'],
  [
    NAMESPACE,
    '9223372036854775807:org.openedx.learning.course.unenrollment.completed.v1',
    '6f44a736-a756-5669-b1ff-6f60e8a79d95',
  ],
])('the UUID of a name in %s: %s', (namespace, name, uuid) => {
  expect(uuidV5(namespace, name)).toBe(uuid)
})
