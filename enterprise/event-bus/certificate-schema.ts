/** The Avro schema of an event about a certificate: `CertificateData` of openedx-events. */
export function certificateSchema(type: string): object {
  return { type: 'record', name: 'CloudEvent', namespace: type, fields: [{ name: 'certificate', type: CERTIFICATE }] }
}

const text = (name: string) => ({ name, type: 'string' })
const optionalText = (name: string) => ({ name, type: ['null', 'string'], default: null })

const CERTIFICATE = {
  type: 'record',
  name: 'CertificateData',
  fields: [
    {
      name: 'user',
      type: {
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
              fields: [text('username'), text('email'), text('name')],
            },
          },
        ],
      },
    },
    {
      name: 'course',
      type: {
        type: 'record',
        name: 'CourseData',
        fields: [text('course_key'), text('display_name'), optionalText('start'), optionalText('end')],
      },
    },
    text('mode'),
    text('grade'),
    text('download_url'),
    text('name'),
    text('current_status'),
    text('previous_status'),
  ],
}
