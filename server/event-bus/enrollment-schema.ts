// The layout of events.md §4: names and order of the fields are those of openedx-events, which decodes without asking for ours.

const USER = {
  type: 'record',
  name: 'UserData',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'is_active', type: 'boolean' },
    {
      name: 'pii',
      type: {
        type: 'record',
        name: 'UserPersonalData',
        fields: [
          { name: 'username', type: 'string' },
          { name: 'email', type: 'string' },
          { name: 'name', type: 'string' },
        ],
      },
    },
  ],
}

const COURSE = {
  type: 'record',
  name: 'CourseData',
  fields: [
    { name: 'course_key', type: 'string' },
    { name: 'display_name', type: 'string' },
    { name: 'start', type: ['null', 'string'], default: null },
    { name: 'end', type: ['null', 'string'], default: null },
  ],
}

/** The Avro schema of an event that is about an enrollment. */
export function enrollmentSchema(type: string): object {
  return {
    type: 'record',
    name: 'CloudEvent',
    namespace: type,
    fields: [
      {
        name: 'enrollment',
        type: {
          type: 'record',
          name: 'CourseEnrollmentData',
          fields: [
            { name: 'user', type: USER },
            { name: 'course', type: COURSE },
            { name: 'mode', type: 'string' },
            { name: 'is_active', type: 'boolean' },
            { name: 'creation_date', type: 'string' },
            { name: 'created_by', type: ['null', 'UserData'], default: null },
          ],
        },
      },
    ],
  }
}
