"""The four meanings of 406 in the words that a provider may choose for them."""

import time

import pytest

from jobs.failures import FailureKind
from upstream.failure_table import kind_of

CONTENT_TYPE = [
    "Invalid content type",
    "INVALID CONTENT TYPE",
    "Invalid content-type header",
    "Unsupported Content-Type: text/plain",
    "unsupported_content_type",
    "Content type must be application/json",
    "Content-Type 'application/x-www-form-urlencoded' is not supported",
    "Expected content type application/json, got text/html",
    "The request has no Content-Type header",
    "ContentType not acceptable",
    "Wrong Content_Type",
    "Unsupported media type",
    "415: MediaType not supported",
]
CREDITS = [
    "Insufficient credits",
    "INSUFFICIENT CREDITS",
    "INSUFFICIENT_CREDITS",
    "insufficient-credits",
    "Insufficient credits: 0.0021 available, 0.0061 required",
    "Insufficient credits for 4 samples",
    "Insufficient credits to process this prompt",
    "Insufficient balance. Please add funds to your account.",
    "Insufficient account balance",
    "Not enough credits",
    "You don't have enough credits, it's $0.0061 for this model",
    "You do not have sufficient funds",
    "You have no credits left",
    "You have no remaining credits",
    "You have 0 credits",
    "You have $0.00 credits left",
    "You are out of credits",
    "You have run out of credits",
    "You have exhausted all your free credits",
    "Your credits are exhausted",
    "Your credits have expired",
    "Your balance is too low",
    "Your balance ($0.0021) is below the cost of this call",
    "Low balance",
    "Credits required: 0.05, available: 0.01",
    "You need 0.0061 credits",
    "This request requires more credits than you have",
    "Payment required",
    "Please top-up your account",
    "Please purchase more credits to go on",
    "No credits found for the user",
    "You have exceeded your available credits",
    "You have used all of your credits",
    "Insufficient wallet balance",
    "Allocated credits exceeded",
    "Your plan does not include enough credits",
    'Error: "Insufficient credits"',
    '["Not enough credits"]',
]
SPEND_LIMIT = [
    "Team spend limit exceeded",
    "TEAM SPEND LIMIT EXCEEDED",
    "spend_limit_exceeded",
    "Your monthly spending limit has been reached",
    "Spending limit of $50.00 reached",
    "Spending cap reached: 120.00 of 120.00 USD",
    "The team's limit is used up",
    "Your team has reached its monthly limit",
    "Your organization has exceeded its budget",
    "Credit limit exceeded",
    "You have exceeded your credit limit",
    "You have hit the team credit limit of 500 credits",
    "Member credit limit reached",
    "Daily limit reached",
    "Monthly budget exceeded",
    "Budget has been exhausted",
    "Usage limit reached for this workspace",
    "Billing hard limit has been reached",
    "Quota exceeded",
    "You are over your quota",
    "You reached your limit set by your team admin: spend limit",
    "Spend limit reached; 4 samples need more credits",
    "Limit exceeded for your team",
    "Your budget limit was reached",
    "You have reached the maximum spend for this team",
    "Spending for this month exceeds the cap",
    "error: 'team spend limit exceeded'",
]
PARAMETER = [
    "",
    "Invalid parameter value: scheduler 'Euler b' is not one of the 12",
    "Invalid value for parameter guidance_scale",
    "INVALID VALUE FOR PARAMETER GUIDANCE_SCALE",
    "Invalid value for scheduler",
    "guidance_scale must be between 1 and 25",
    "guidance_scale: the limit is 25",
    "samples: the limit is 4",
    "samples exceeds the limit of 4",
    "SAMPLES EXCEEDS THE LIMIT OF 4",
    "Number of samples exceeds the account limit of 4",
    "num_inference_steps exceeds the team plan's limit of 100",
    "num_inference_steps is above its daily limit of 100",
    "seed must not exceed the limit of 999999999999999",
    "The prompt is longer than the limit of 77 tokens",
    "Prompt exceeds the token limit",
    "Image size limit exceeded",
    "The image exceeds the limit of 10 MB",
    "Image has an unsupported format",
    "base64 must be true or false",
    "Not acceptable",
    "prompt 'a credit card' is not allowed",
    "prompt 'insufficient credits' is not allowed",
    'prompt "our team spending limit, as a poster" is rejected',
    "'a team at its monthly spending limit' is not allowed here",
    "Invalid text “no credits left”",
    "prompt: no credits, monthly spending limit",
    "Invalid value for parameter negative_prompt: out of funds",
    "Unknown field credit_limit",
    "guidance_scale exceeds maximum allowed value",
    "Prompt contains blocked words: team spending limit",
    "Image credit not allowed",
    "seed out of range",
]


@pytest.mark.parametrize("text", CONTENT_TYPE)
def test_a_wrong_content_type(text: str) -> None:
    assert kind_of(406, text) is FailureKind.BAD_REQUEST_FORM


@pytest.mark.parametrize("text", CREDITS)
def test_too_few_credits(text: str) -> None:
    assert kind_of(406, text) is FailureKind.INSUFFICIENT_CREDITS


@pytest.mark.parametrize("text", SPEND_LIMIT)
def test_a_spend_limit(text: str) -> None:
    assert kind_of(406, text) is FailureKind.SPEND_LIMIT


@pytest.mark.parametrize("text", PARAMETER)
def test_a_parameter_does_not_pause_the_account(text: str) -> None:
    assert kind_of(406, text) is FailureKind.INVALID_INPUT


@pytest.mark.parametrize(
    "text",
    ["exceeded your " * 60, "team monthly " * 60, "credits " * 80, "no more " * 90, "'" * 500],
)
def test_the_time_is_bounded(text: str) -> None:
    began = time.process_time()
    kind_of(406, text * 100)
    assert time.process_time() - began < 1
