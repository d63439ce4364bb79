import { describeRoutes } from '../../openapi/part.ts'
import { enterpriseRoutes } from './routes.ts'
import { enterpriseSchemas } from './schemas.ts'

/** The routes of enterprise in the document of the REST API. */
export const enterpriseOpenApi = describeRoutes(enterpriseRoutes, enterpriseSchemas)
