"""Variables that agents and the canary get."""

from __future__ import annotations

from pool_contract.key_declaration import Generated, InRuntime, KeyDeclaration, key
from pool_contract.key_values import Choice, Pattern

AGENT_KEYS: tuple[KeyDeclaration, ...] = (
    key(
        "OPENCLAW_PRIMARY_MODEL",
        "agents",
        "The model that agents use unless told otherwise.",
        runtime=InRuntime(required=True, example="openrouter/anthropic/claude-sonnet-4-6"),
    ),
    key(
        "XMTP_ENV",
        "agents",
        "XMTP's network. `production` is accepted only if POOL_ENVIRONMENT is production.",
        allowed=Choice(("dev", "production")),
        runtime=InRuntime(default="dev"),
    ),
    key(
        "OPENROUTER_API_KEY",
        "agents",
        "An OpenRouter key that all agents share. Without it, OPENROUTER_MANAGEMENT_KEY creates one for each agent.",
        secret=True,
        made_per_agent=True,
        made_with="OPENROUTER_MANAGEMENT_KEY",
        runtime=InRuntime(required=True, description="The agent's own key at OpenRouter."),
    ),
    key(
        "AGENTMAIL_API_KEY",
        "both",
        "AgentMail's API key. It creates an inbox for each agent and the canary.",
        secret=True,
    ),
    key("AGENTMAIL_DOMAIN", "both", "The domain of new inboxes; AgentMail's own by default."),
    key(
        "AGENTMAIL_INBOX_ID",
        "agents",
        "The id of an inbox that all agents share. Without it, AGENTMAIL_API_KEY creates one for each agent.",
        # Stacks seal it on Railway, and nothing unseals it (fact: sealed-stays).
        secret=True,
        made_per_agent=True,
        made_with="AGENTMAIL_API_KEY",
        runtime=InRuntime(description="The id of the agent's inbox at AgentMail."),
    ),
    key("BANKR_API_KEY", "agents", "Bankr's API key.", secret=True),
    key(
        "TELNYX_API_KEY",
        "agents",
        "Telnyx's API key. It needs TELNYX_PHONE_NUMBER: without a number, each agent would buy one.",
        secret=True,
    ),
    key(
        "TELNYX_PHONE_NUMBER",
        "agents",
        "The phone number that agents send from.",
        # `pulumi config set --path` parses +15551234567 as a number and loses the plus sign.
        allowed=Pattern(r"\+[1-9][0-9]{1,14}", "a phone number with its country, such as +15551234567"),
    ),
    key("TELNYX_MESSAGING_PROFILE_ID", "agents", "The id of Telnyx's messaging profile."),
    key("OPENCLAW_STATE_DIR", "agents", "The folder in which an agent keeps its state.", default="/app"),
    key("CHROMIUM_PATH", "agents", "The path of the browser in the runtime image.", default="/usr/bin/chromium"),
    key(
        "OPENCLAW_GATEWAY_TOKEN",
        "agents",
        "The bearer token of an agent's gateway; returned by a claim.",
        secret=True,
        made_per_agent=True,
        set_by="pool",
        runtime=InRuntime(generated=Generated("", 32)),
    ),
    key(
        "SETUP_PASSWORD",
        "agents",
        "The password of an agent's setup page.",
        secret=True,
        made_per_agent=True,
        set_by="pool",
        runtime=InRuntime(generated=Generated("", 16)),
    ),
    key(
        "PRIVATE_WALLET_KEY",
        "agents",
        "The private key of an agent's wallet.",
        secret=True,
        made_per_agent=True,
        set_by="pool",
        runtime=InRuntime(generated=Generated("0x", 32)),
    ),
)
