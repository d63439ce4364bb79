import { enterpriseMigrations } from '../enterprise/database/migrate.ts'
import { enterpriseEventBus } from '../enterprise/event-bus/index.ts'
import { enterpriseFunding } from '../enterprise/funding.ts'
import { enterpriseLineTypes } from '../enterprise/import-export/line-types.ts'
import { readEnterpriseTraces } from '../enterprise/pending/traces.ts'
import { enterpriseWorkers } from '../enterprise/worker.ts'
import type { Extension } from './extension.ts'
import { enterpriseOpenApi } from './rest/enterprise-v1/openapi/part.ts'

/** The extensions that the server brings along: all that the rest of server/ knows of them. It is complete without them. */
export const builtInExtensions: readonly Extension[] = [
  {
    name: 'enterprise',
    migrations: enterpriseMigrations,
    lineTypes: enterpriseLineTypes,
    // Loaded by a server: the command line has no use for them.
    routes: async (app, options) => (await import('./rest/enterprise-v1/index.ts')).enterpriseV1(app, options),
    openApi: enterpriseOpenApi,
    workers: enterpriseWorkers,
    funding: [enterpriseFunding],
    eventBus: enterpriseEventBus,
    traces: readEnterpriseTraces,
  },
]
