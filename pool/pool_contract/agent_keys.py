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
        "OpenRouter. If it is set, agents share it; else OPENROUTER_MANAGEMENT_KEY makes one for each.",
        secret=True,
        made_per_agent=True,
        made_with="OPENROUTER_MANAGEMENT_KEY",
        runtime=InRuntime(required=True, description="The agent's own key at OpenRouter."),
    ),
    key("AGENTMAIL_API_KEY", "both", "AgentMail. Makes an inbox for each agent and the canary.", secret=True),
    key("AGENTMAIL_DOMAIN", "both", "The domain of new inboxes; AgentMail's own by default."),
    key(
        "AGENTMAIL_INBOX_ID",
        "agents",
        "An agent's inbox. If it is set, all agents share it; else AGENTMAIL_API_KEY makes one each.",
        # Stacks seal it on Railway, where a sealed variable can never be read again.
        secret=True,
        made_per_agent=True,
        made_with="AGENTMAIL_API_KEY",
    ),
    key("BANKR_API_KEY", "agents", "The API key of Bankr.", secret=True),
    key(
        "TELNYX_API_KEY",
        "agents",
        "Telnyx. Needs TELNYX_PHONE_NUMBER: without a number each agent would buy one.",
        secret=True,
    ),
    key(
        "TELNYX_PHONE_NUMBER",
        "agents",
        "The phone number that agents send from.",
        # `pulumi config set --path` parses +15551234567 as a number and loses the plus sign.
        allowed=Pattern(r"\+[1-9][0-9]{1,14}", "a phone number with its country, such as +15551234567"),
    ),
    key("TELNYX_MESSAGING_PROFILE_ID", "agents", "Telnyx's messaging profile."),
    key("OPENCLAW_STATE_DIR", "agents", "Where an agent keeps its state.", default="/app"),
    key("CHROMIUM_PATH", "agents", "The browser of the runtime image.", default="/usr/bin/chromium"),
    key(
        "OPENCLAW_GATEWAY_TOKEN",
        "agents",
        "Opens an agent's gateway; returned by a claim.",
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
