import { z } from 'zod'
import { allowance, allowanceList, allowanceRemoval, allowanceRequest } from './allowance.ts'
import { bulkEnrollFaults, bulkEnrollment, bulkEnrollRequest } from './bulk-enroll.ts'
import { courseDetails, mode } from './course.ts'
import { enrollment, enrollmentList, enrollmentPage, enrollmentRequest } from './enrollment.ts'
import {
  detail,
  developerMessage,
  embargoed,
  localizedMessage,
  message,
  modeUnavailable,
  pageFaults,
  routeDescription,
  wrongToken,
} from './errors.ts'
import { roles } from './roles.ts'
import { organisations, plainWords, unenrollRequest } from './unenroll.ts'

/** All bodies of the Enrollment API and of what all routes share, by their names in the document. */
const named = byName({
  Mode: mode,
  CourseDetails: courseDetails,
  Enrollment: enrollment,
  EnrollmentList: enrollmentList,
  EnrollmentRequest: enrollmentRequest,
  EnrollmentPage: enrollmentPage,
  Roles: roles,
  UnenrollRequest: unenrollRequest,
  Organisations: organisations,
  PlainWords: plainWords,
  Allowance: allowance,
  AllowanceList: allowanceList,
  AllowanceRequest: allowanceRequest,
  AllowanceRemoval: allowanceRemoval,
  BulkEnrollRequest: bulkEnrollRequest,
  BulkEnrollment: bulkEnrollment,
  BulkEnrollFaults: bulkEnrollFaults,
  Detail: detail,
  Message: message,
  LocalizedMessage: localizedMessage,
  DeveloperMessage: developerMessage,
  WrongToken: wrongToken,
  ModeUnavailable: modeUnavailable,
  Embargoed: embargoed,
  PageFaults: pageFaults,
  RouteDescription: routeDescription,
})

export type SchemaName = keyof typeof named

/** What the names stand for is nothing that other modules have to be compiled against. */
function byName<Name extends string>(schemas: Record<Name, z.ZodType>): Readonly<Record<Name, z.ZodType>> {
  return schemas
}

/** Schemas of bodies, by their names in the document. */
export type NamedSchemas = Readonly<Record<string, z.ZodType>>

/** The JSON Schemas of bodies; they refer to each other by their places in the document. */
export function componentSchemas(schemas: NamedSchemas = named): Record<string, object> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id })
  const { schemas: components } = z.toJSONSchema(registry, { target: 'draft-2020-12', io: 'input', uri: addressOf })
  // Where a schema is in the document says both which it is and of what kind.
  for (const schema of Object.values(components)) {
    delete schema.$schema
    delete schema.$id
  }
  return components
}

/** A reference to the body of a name, or to any of several. */
export function refer(names: readonly string[]): object {
  const references = names.map((name) => ({ $ref: addressOf(name) }))
  return references.length === 1 && references[0] ? references[0] : { anyOf: references }
}

function addressOf(name: string): string {
  return `#/components/schemas/${name}`
}
