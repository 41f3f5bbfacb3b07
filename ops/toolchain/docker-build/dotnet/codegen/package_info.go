// Package codegen declares what pulumi-docker-build names of the .NET SDK generator, and nothing else.
package codegen

// CSharpPackageInfo is filled by the provider's schema and read only when a .NET SDK is generated, which never happens here.
type CSharpPackageInfo struct {
	RespectSchemaVersion bool
	PackageReferences    map[string]string
}
