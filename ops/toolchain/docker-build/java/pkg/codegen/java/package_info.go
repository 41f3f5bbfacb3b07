// Package java declares what pulumi-docker-build names of the Java SDK generator, and nothing else.
package java

// PackageInfo is filled by the provider's schema and read only when a Java SDK is generated, which never happens here.
type PackageInfo struct {
	BuildFiles                      string
	GradleNexusPublishPluginVersion string
	Dependencies                    map[string]string
}
