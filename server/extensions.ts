import { enterpriseMigrations } from '../enterprise/database/migrate.ts'
import { enterpriseEventBus } from '../enterprise/event-bus/index.ts'
import { enterpriseLineTypes } from '../enterprise/import-export/line-types.ts'
import { enterpriseWorkers } from '../enterprise/worker.ts'
import type { Extension } from './extension.ts'
import { enterpriseV1 } from './rest/enterprise-v1/index.ts'
import { enterpriseOpenApi } from './rest/enterprise-v1/openapi/part.ts'

/** The extensions that the server brings along: all that the rest of server/ knows of them. It is complete without them. */
export const builtInExtensions: readonly Extension[] = [
  {
    name: 'enterprise',
    migrations: enterpriseMigrations,
    lineTypes: enterpriseLineTypes,
    routes: enterpriseV1,
    openApi: enterpriseOpenApi,
    workers: enterpriseWorkers,
    eventBus: enterpriseEventBus,
  },
]
