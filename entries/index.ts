/// <reference types="node" preserve="true" />
// enrollment-service: enroll, read, follow, in the caller's own process.
export * from '../routers/index.ts'
export type * from './operation-types.ts'
export type { AttributeWire as EnrollmentAttribute } from '../routers/inputs.ts'
