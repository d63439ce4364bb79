import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { bulkView, type Facade } from './enroll-learners-in-courses.ts'
import type { DoorView, Refuse } from './door.ts'
import { UUID_FORM } from '../../../enterprise/uuid.ts'

/** The house, as it stands behind the routes of the tenant. */
interface Door {
  /** What Fastify is given for a route of all methods. */
  route(view: DoorView): {
    onRequest(request: FastifyRequest, reply: FastifyReply): Promise<void>
    handler(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
  }
  readonly refusal: Refuse
}

export interface EnterpriseHttpOptions extends Facade {
  /** Makes a scope one whose routes the house lets requests in to. */
  readonly openDoor: (app: FastifyInstance) => Promise<Door>
}

/** What is no UUID is no customer: the path does not exist. */
const CUSTOMER = `/enterprise/api/v1/enterprise-customer/:customer(${UUID_FORM})`

/** In bytes: ten thousand rows of 800 bytes. */
const BODY_LIMIT = 8 * 1024 * 1024

/** The routes of the tenant, as they are called by services of the platform (enterprise C.1). */
export const enterpriseHttp: FastifyPluginAsync<EnterpriseHttpOptions> = async (app, { openDoor, ...facade }) => {
  const { route, refusal } = await openDoor(app)
  const serve = (url: string, view: DoorView) => {
    const { onRequest, handler } = route(view)
    app.all(url, { onRequest, bodyLimit: BODY_LIMIT }, handler)
  }
  serve(`${CUSTOMER}/enroll_learners_in_courses/`, bulkView(facade, refusal))
}
