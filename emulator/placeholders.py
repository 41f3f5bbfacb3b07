"""Fields that clients select but the emulator does not model: null if that is allowed, otherwise empty, zero or false.

Generated clients select every field of a type. If the schema lacked one, such as a plan, a member or an avatar, the
whole call would be refused, although nobody uses the value. Fields that the emulator models are not listed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    default_field_resolver,
)

WHOLE_TYPES = frozenset(
    {
        "AdoptionInfo",
        "ApiTokenRateLimit",
        "AppliedByMember",
        "BillingPeriod",
        "CnameCheck",
        "Customer",
        "DeploymentCreator",
        "DeploymentSocket",
        "EdgeCachingConfig",
        "EdgeConfig",
        "EnvironmentMeta",
        "ExternalWorkspace",
        "PartnerProfile",
        "ProjectMember",
        "ReferralUser",
        "RegionDeploymentConstraints",
        "RegionDeprecationInfo",
        "SimilarTemplate",
        "StaleWhileRevalidateConfig",
        "TemplateCreator",
        "TemplateGuide",
        "TwoFactorInfo",
        "UserProfile",
        "WorkspaceMember",
    }
)
FIELDS: Mapping[str, tuple[str, ...]] = {
    "CustomDomain": (
        "cdnMode",
        "cnameCheck",
        "edgeId",
        "isRailwayDomain",
    ),
    "Deployment": (
        "creator",
        "diagnosis",
        "sockets",
        "suggestAddServiceDomain",
    ),
    "Environment": ("meta",),
    "EnvironmentPatch": ("appliedBy",),
    "Project": (
        "expiredAt",
        "featureFlags",
        "focusedPrEnvironments",
        "isTempProject",
        "members",
        "subscriptionPlanLimit",
    ),
    "Region": (
        "deploymentConstraints",
        "id",
        "workspaceId",
    ),
    "Service": (
        "featureFlags",
        "groupId",
        "hasHiddenRegistryCredentialsFromTemplate",
        "isRestricted",
        "templateId",
        "templateThreadSlug",
    ),
    "ServiceDomain": ("edgeId",),
    "ServiceInstance": (
        "autoInstrumentationEnabled",
        "edgeConfig",
        "railpackInfo",
        "tracingEnabled",
    ),
    "Team": (
        "adoptionLevel",
        "avatar",
        "createdAt",
        "preferredRegion",
        "slackChannelId",
        "supportTierOverride",
        "updatedAt",
    ),
    "Template": (
        "activeProjects",
        "canvasConfig",
        "category",
        "communityThreadSlug",
        "config",
        "createdAt",
        "creator",
        "demoProjectId",
        "guides",
        "health",
        "image",
        "isApproved",
        "isV2Template",
        "isVerified",
        "languages",
        "metadata",
        "projects",
        "readme",
        "recentProjects",
        "similarTemplates",
        "status",
        "supportHealthMetrics",
        "tags",
        "teamId",
        "totalPayout",
        "updatedAt",
        "workspaceId",
    ),
    "User": (
        "agreedFairUse",
        "apiTokenRateLimit",
        "avatar",
        "banReason",
        "createdAt",
        "featureFlags",
        "flags",
        "githubProviderId",
        "githubUsername",
        "has2FA",
        "hasPasskeys",
        "isAdmin",
        "isConductor",
        "isVerified",
        "lastLogin",
        "platformFeatureFlags",
        "profile",
        "registrationStatus",
        "riskLevel",
        "termsAgreedOn",
        "username",
        "workspace",
    ),
    "Variable": ("pluginId",),
    "VolumeInstance": ("externalId",),
    "Workspace": (
        "adoptionHistory",
        "adoptionLevel",
        "allowDeprecatedRegions",
        "apiTokenRateLimit",
        "avatar",
        "banReason",
        "createdAt",
        "customer",
        "discordRole",
        "has2FAEnforcement",
        "hasAutomaticDiagnosis",
        "hasGuardrailsAccess",
        "hasHipaaBAA",
        "hasSAML",
        "members",
        "partnerProfile",
        "preferredRegion",
        "redactedDueTo2FAPending",
        "referredUsers",
        "slackChannelId",
        "subscriptionPlanLimit",
        "supportTierOverride",
        "updatedAt",
        "usersWithout2FA",
    ),
}
_SCALARS: Mapping[str, Any] = {
    "Boolean": False,
    "Int": 0,
    "Float": 0.0,
    "DateTime": "1970-01-01T00:00:00.000Z",
    "String": "",
    "ID": "",
}


def fill(schema: GraphQLSchema) -> None:
    """Give the listed fields of a schema resolvers that return neutral values, in place."""
    for name, kind in schema.type_map.items():
        if not isinstance(kind, GraphQLObjectType):
            continue
        listed = kind.fields if name in WHOLE_TYPES else FIELDS.get(name, ())
        for field in listed:
            kind.fields[field].resolve = _resolver(kind.fields[field])


def _resolver(field: GraphQLField) -> Any:
    def resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        found = default_field_resolver(source, info, **arguments)
        return _neutral(field.type) if found is None else found

    return resolve


def _neutral(kind: Any) -> Any:
    if not isinstance(kind, GraphQLNonNull):
        return None
    inner = kind.of_type
    if isinstance(inner, GraphQLList):
        return []
    if isinstance(inner, GraphQLEnumType):
        return next(iter(inner.values))
    if isinstance(inner, GraphQLObjectType):
        return {}
    assert isinstance(inner, GraphQLScalarType)
    return _SCALARS.get(inner.name, {})
