"""A CloudFormation template whose functions are resolved here, for the resources that moto does not make of it."""

import base64
import re

NO_VALUE = object()
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::AccountId": "123456789012",
    "AWS::NoValue": NO_VALUE,
}


class Template:
    """
    physical: logical id -> physical id, filled in as resources come to be
    attribute: (physical id, attribute) -> its value
    """

    def __init__(self, body, parameters, region, stack_name, attribute):
        self.body = body
        self.physical = {}
        self._attribute = attribute
        self._values = {
            **PSEUDO,
            "AWS::Region": region,
            "AWS::StackName": stack_name,
            **{
                name: typed(spec["Type"], parameters.get(name, spec.get("Default")))
                for name, spec in body["Parameters"].items()
            },
        }

    def properties(self, logical_id):
        return self.resolve(self.body["Resources"][logical_id]["Properties"])

    def is_made(self, logical_id):
        condition = self.body["Resources"][logical_id].get("Condition")
        return condition is None or self._holds(condition)

    def resolve(self, value):
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), = value.items()
            function = self._functions().get(name)
            if function is not None:
                return function(argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _functions(self):
        return {
            "Ref": self._ref,
            "Fn::GetAtt": lambda path: self._get_att(path if isinstance(path, list) else path.split(".", 1)),
            "Fn::If": lambda branches: self.resolve(branches[1 if self._holds(branches[0]) else 2]),
            "Fn::Equals": lambda pair: str(self.resolve(pair[0])) == str(self.resolve(pair[1])),
            "Fn::Not": lambda conditions: not self.resolve(conditions[0]),
            "Fn::Join": lambda join: join[0].join(self.resolve(join[1])),
            "Fn::Sub": lambda text: self._sub(*(text if isinstance(text, list) else [text, {}])),
            "Fn::Base64": lambda text: base64.b64encode(self.resolve(text).encode()).decode(),
        }

    def _holds(self, condition):
        return self.resolve(self.body["Conditions"][condition])

    def _ref(self, name):
        return self._values[name] if name in self._values else self.physical[name]

    def _get_att(self, path):
        return self._attribute(self.physical[path[0]], path[1])

    def _sub(self, text, variables):
        def value(match):
            name = match[1]
            if name in variables:
                return str(self.resolve(variables[name]))
            return str(self._get_att(name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([\w.:]+)\}", value, text)


def typed(kind, value):
    """A parameter as CloudFormation hands it on to the interface of a service."""
    if kind == "Number":
        return int(value) if float(value).is_integer() else float(value)
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return value.split(",") if value else []
    return value
