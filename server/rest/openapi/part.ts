import type { RouteSpec } from './operation.ts'
import { pathItem, type PathItem } from './path-item.ts'
import { componentSchemas, type NamedSchemas } from './schemas.ts'

/** What an extension tells of its routes in the document of the REST API, as plain data of OpenAPI 3.1. */
export interface OpenApiPart {
  /** In the order in which a page shows them. */
  readonly tags: readonly string[]
  /** By path. */
  readonly paths: Readonly<Record<string, PathItem>>
  /** By names that no other schema of the document has. */
  readonly schemas: Readonly<Record<string, object>>
}

/** Describes routes that follow the conventions of server/rest; their bodies may also be those that all routes share. */
export function describeRoutes(routes: readonly RouteSpec<string>[], schemas: NamedSchemas): OpenApiPart {
  return {
    tags: [...new Set(routes.map(({ tag }) => tag))],
    paths: Object.fromEntries(routes.map((route) => [route.path, pathItem(route)])),
    schemas: componentSchemas(schemas),
  }
}
